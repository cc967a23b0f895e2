package postgrestest

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Codes that a client may send in place of a protocol version.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
const (
	cancelRequest = 80877102
	tlsRequest    = 80877103
	gssRequest    = 80877104
)

// maxStartup is the size of the largest first message that PostgreSQL takes.
const maxStartup = 10000

// greet handles the beginning of a connection until it can be passed on. It returns the
// connection to read plain bytes from, and what was read from it already.
//
// In front of a server without TLS, greet behaves like a server that has only "hostssl"
// lines: it agrees to TLS and refuses a client that does not ask for it.
func (f *forwarder) greet(client net.Conn) (inner net.Conn, read []byte, err error) {
	if f.tls == nil {
		return client, nil, nil
	}
	client.SetDeadline(time.Now().Add(patience))
	defer client.SetDeadline(time.Time{})
	for {
		message, err := readStartup(client)
		if err != nil {
			return nil, nil, err
		}
		switch binary.BigEndian.Uint32(message[4:]) {
		case gssRequest:
			if _, err := client.Write([]byte{'N'}); err != nil {
				return nil, nil, err
			}
		case tlsRequest:
			inner, err := f.handshake(client)
			return inner, nil, err
		case cancelRequest: // clients send these without TLS, to any server
			return client, message, nil
		default:
			return nil, nil, errors.Join(errors.New("a client without TLS"), turnAway(client, message))
		}
	}
}

// readStartup reads one message of the kind that opens a connection: length,
// code, body.
func readStartup(client io.Reader) ([]byte, error) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(client, head); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head)
	if size < 8 || size > maxStartup {
		return nil, errors.New("not a startup message")
	}
	message := make([]byte, size)
	copy(message, head)
	_, err := io.ReadFull(client, message[8:])
	return message, err
}

// handshake agrees to TLS and becomes its server side.
func (f *forwarder) handshake(client net.Conn) (net.Conn, error) {
	if _, err := client.Write([]byte{'S'}); err != nil {
		return nil, err
	}
	inner := tls.Server(client, f.tls)
	return inner, inner.Handshake()
}

// turnAway answers a client without TLS as PostgreSQL does when no line of pg_hba.conf
// matches.
func turnAway(client net.Conn, message []byte) error {
	host, _, _ := net.SplitHostPort(client.RemoteAddr().String())
	return refuse(client, "28000", fmt.Sprintf("no pg_hba.conf entry for host %q, user %q, database %q, no encryption",
		host, parameter(message, "user"), parameter(message, "database")))
}

// refuse ends a login as the server does.
func refuse(client net.Conn, sqlstate, message string) error {
	refusal := &pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: sqlstate, Message: message}
	text, err := refusal.Encode(nil)
	if err == nil {
		_, err = client.Write(text)
	}
	return err
}

// parameter returns a value from a startup message, "" if it has none.
func parameter(message []byte, name string) string {
	fields := bytes.Split(message[8:], []byte{0})
	for i := 0; i+1 < len(fields); i += 2 {
		if string(fields[i]) == name {
			return string(fields[i+1])
		}
	}
	return ""
}

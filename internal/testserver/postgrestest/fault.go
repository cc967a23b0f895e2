package postgrestest

import (
	"context"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"keepcurrent.example/internal/testserver/certificate"
)

// A Fault handles a connection in place of the server. It may call serve, which passes a
// connection on to the server and returns when that connection has ended. The client's
// connection is closed when the fault returns.
type Fault func(client net.Conn, serve func(net.Conn))

// Intercept sets a function that is called for each new connection to the database and
// returns its fault, or nil for none. A nil function ends this. The function runs for one
// connection at a time, so it may count without a lock.
func (d *Database) Intercept(choose func() Fault) {
	f := d.forwarder
	f.hook.Lock()
	defer f.hook.Unlock()
	f.choose = choose
}

func (f *forwarder) fault() Fault {
	f.hook.Lock()
	defer f.hook.Unlock()
	if f.choose == nil {
		return nil
	}
	return f.choose()
}

// Hang accepts the connection and sends nothing until the client gives up.
func Hang(client net.Conn, _ func(net.Conn)) { _, _ = io.Copy(io.Discard, client) }

// Reset breaks the connection off, so that the client sees a reset by its peer.
func Reset(client net.Conn, _ func(net.Conn)) {
	if tcp, ok := client.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // makes Close send RST in the place of FIN
	}
}

// Garble answers like a server that is not a Postgres.
func Garble(client net.Conn, _ func(net.Conn)) {
	if _, err := readStartup(client); err == nil {
		_, _ = io.WriteString(client, "HTTP/1.1 400 Bad Request\r\n\r\n")
	}
}

// Answer refuses a login, over TLS, with an SQLSTATE such as 53300 (too many
// connections) or 57P03 (the server is starting up):
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func Answer(sqlstate string) Fault { return Say(sqlstate, "A fault that the test asked for.") }

// Say is [Answer] with a text of its own.
func Say(sqlstate, message string) Fault {
	return func(client net.Conn, _ func(net.Conn)) {
		_ = answer(client, sqlstate, message) // fails if the client has left, which is its affair
	}
}

func answer(client net.Conn, sqlstate, message string) error {
	inner, err := welcome(client)
	if err != nil {
		return err
	}
	return refuse(inner, sqlstate, message)
}

// welcome speaks TLS with a client, and returns when it has said who it is.
func welcome(client net.Conn) (inner net.Conn, err error) {
	cert, err := certificate.SelfSigned()
	if err != nil {
		return nil, err
	}
	if inner, _, err = (&forwarder{tls: cert.Config()}).greet(client); err != nil {
		return nil, err
	}
	_, err = readStartup(inner)
	return inner, err
}

// Flood sends parameters without end, as no real server does, until the client leaves.
func Flood(client net.Conn, _ func(net.Conn)) {
	inner, err := welcome(client)
	if err != nil {
		return
	}
	message, err := (&pgproto3.ParameterStatus{Name: "flood", Value: strings.Repeat("x", 1000)}).Encode(nil)
	for err == nil {
		_, err = inner.Write(message)
	}
}

// Challenge asks for SCRAM and sends a first message of its own: r=NONCE,s=SALT,i=COUNT
// (https://www.rfc-editor.org/rfc/rfc5802#section-5.1).
func Challenge(text string) Fault {
	return func(client net.Conn, _ func(net.Conn)) {
		inner, err := welcome(client)
		if err != nil {
			return
		}
		for _, message := range []pgproto3.BackendMessage{
			&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}},
			&pgproto3.AuthenticationSASLContinue{Data: []byte(text)},
		} {
			encoded, err := message.Encode(nil)
			if err == nil {
				_, err = inner.Write(encoded)
			}
			if err != nil {
				return
			}
		}
		_, _ = io.Copy(io.Discard, inner)
	}
}

// AfterLogin lets the server log the client in, and then a fault answers in its place:
// the client never learns that it has a session. No other session of the database's
// roles may be open.
func (d *Database) AfterLogin(f Fault) Fault {
	return func(client net.Conn, serve func(net.Conn)) { serve(&withheld{client, d, f}) }
}

// withheld passes what the server sends on to the client until the client is logged in.
// The server lists a session before it tells the client.
type withheld struct {
	net.Conn
	database *Database
	fault    Fault
}

func (w *withheld) Write(p []byte) (int, error) {
	sessions, err := w.database.sessions(context.Background())
	if err != nil {
		return 0, err
	}
	if sessions == 0 {
		return w.Conn.Write(p)
	}
	w.fault(w.Conn, func(net.Conn) {})
	return 0, net.ErrClosed
}

// CloseWrite makes it one of the connections that pump takes.
func (w *withheld) CloseWrite() error {
	return w.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

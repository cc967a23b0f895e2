package postgrestest

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// patience bounds every single thing that is asked of a server.
const patience = 30 * time.Second

// server is a PostgreSQL server as its superuser sees it.
type server struct {
	login *pgconn.Config // never changed: every connection takes a copy
}

// newServer describes the server at a URL. It asks no server anything.
func newServer(rawURL string, withTLS bool) (*server, error) {
	login, err := parseLogin(rawURL)
	if err != nil {
		return nil, err
	}
	if withTLS {
		login.TLSConfig = &tls.Config{InsecureSkipVerify: true} // self-signed, see certificate
	}
	return &server{login}, nil
}

// parseLogin reads a URL into a login without TLS. pgconn fills every gap from
// PG* variables and from files in the home directory; here each gap is filled
// beforehand, because those must not disturb a test. No error shows the URL.
func parseLogin(rawURL string) (*pgconn.Config, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Hostname() == "" || u.User.Username() == "" {
		return nil, errors.New("want a URL like postgres://USER:PASSWORD@HOST:PORT/DBNAME")
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "5432")
	}
	service, err := os.CreateTemp("", "postgrestest-*.conf")
	if err != nil {
		return nil, fmt.Errorf("write an empty service file: %w", err)
	}
	defer os.Remove(service.Name())
	_, err = service.WriteString("[none]\n")
	if err := errors.Join(err, service.Close()); err != nil {
		return nil, fmt.Errorf("write an empty service file: %w", err)
	}
	query := url.Values{
		"service": {"none"}, "servicefile": {service.Name()}, "passfile": {""},
		"sslmode": {"disable"}, "sslcertmode": {"disable"}, "sslnegotiation": {"postgres"},
		"sslrootcert": {""}, "sslcert": {""}, "sslkey": {""}, "channel_binding": {"prefer"},
		"min_protocol_version": {"3.0"}, "max_protocol_version": {"3.0"},
		"connect_timeout": {"10"}, "target_session_attrs": {"any"}, "require_auth": {""},
	}.Encode()
	u.RawQuery = strings.ReplaceAll(query, "+", "%20") // in these URLs a plus is a plus
	login, err := pgconn.ParseConfig(u.String())
	if err != nil {
		return nil, errors.New("pgconn does not take the URL")
	}
	login.RuntimeParams = map[string]string{}
	return login, nil
}

// address is where the server listens.
func (s *server) address() string {
	return net.JoinHostPort(s.login.Host, strconv.Itoa(int(s.login.Port)))
}

// ping logs in and out.
func (s *server) ping(ctx context.Context) error {
	_, err := s.run(ctx)
	return err
}

// run executes the statements one by one in a session of their own and returns
// the first column of the last one's rows.
func (s *server) run(ctx context.Context, statements ...string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, s.login.Copy())
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	var column []string
	for _, statement := range statements {
		results, err := conn.Exec(ctx, statement).ReadAll()
		if err != nil {
			return nil, err
		}
		column = nil
		for _, row := range results[len(results)-1].Rows {
			column = append(column, string(row[0]))
		}
	}
	return column, nil
}

// Codes that a client may send in place of a protocol version.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
const (
	cancelRequest = 80877102
	tlsRequest    = 80877103
	gssRequest    = 80877104
)

// speaksTLS asks the server at an address whether it takes TLS.
func speaksTLS(ctx context.Context, address string) (bool, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	request := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, tlsRequest)
	if _, err := conn.Write(request); err != nil {
		return false, err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return false, err
	}
	return answer[0] == 'S', nil
}

package postgrestest

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// patience is the time limit of each operation on a server.
const patience = 30 * time.Second

// server is a PostgreSQL server as its superuser sees it.
type server struct {
	login *pgconn.Config // never changed: every connection takes a copy
}

// newServer describes the server at a URL. It does not connect.
func newServer(rawURL string, withTLS bool) (*server, error) {
	login, err := parseLogin(rawURL)
	if err != nil {
		return nil, err
	}
	if withTLS {
		login.TLSConfig = &tls.Config{InsecureSkipVerify: true} // self-signed, see package certificate
	}
	return &server{login}, nil
}

// parseLogin reads a URL into a login without TLS. No error shows the URL.
func parseLogin(rawURL string) (*pgconn.Config, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Hostname() == "" || u.User.Username() == "" {
		return nil, errors.New("want a URL like postgres://USER:PASSWORD@HOST:PORT/DBNAME")
	}
	ClearEnvironment()
	u.RawQuery = url.Values{
		"sslmode": {"disable"}, "connect_timeout": {"10"},
		// Named, so that no file in a home directory decides them.
		"passfile": {""}, "sslrootcert": {""}, "sslcert": {""}, "sslkey": {""},
	}.Encode()
	login, err := pgconn.ParseConfig(u.String())
	if err != nil {
		return nil, errors.New("pgconn does not take the URL") // its own error could quote it
	}
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

// connect opens a session. If the server is full, it waits: a session that has been closed
// counts until its process has ended.
func (s *server) connect(ctx context.Context) (*pgconn.PgConn, error) {
	for {
		conn, err := pgconn.ConnectConfig(ctx, s.login.Copy())
		var failure *pgconn.PgError
		if !errors.As(err, &failure) || failure.Code != "53300" {
			return conn, err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// run executes the statements one by one in a session of their own and returns
// the first column of the last one's rows.
func (s *server) run(ctx context.Context, statements ...string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := s.connect(ctx)
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

package login

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"runtime"

	"github.com/jackc/pgx/v5/pgconn"

	"keepcurrent.example/internal/connection"
)

// UnderWay returns how many logins are under way.
func UnderWay() int { return len(slots) }

// Overtime returns the result of a login that has dialed, never ends, and is out of time.
func Overtime(ctx context.Context, url connection.URL) error {
	ctx, way := newLine(ctx, net.DefaultResolver.LookupHost)
	conn, err := way.dial(ctx, "tcp", address(url))
	if err != nil {
		return err
	}
	go func() { // the login, which has the connection: no garbage collection closes it
		<-ctx.Done()
		runtime.KeepAlive(conn)
	}()
	return overtime(make(chan error), way, url, context.DeadlineExceeded)
}

// Stuck returns a client for which no connection is made until its context is over.
func (c Client) Stuck() Client {
	c.lookup = func(ctx context.Context, _ string) ([]string, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return c
}

// Deaf returns a client that looks up a host until it is released, and heeds no context.
func (c Client) Deaf(release <-chan struct{}) Client {
	c.lookup = func(context.Context, string) ([]string, error) {
		<-release
		return nil, errors.New("released")
	}
	return c
}

// At returns a client for which every host has these addresses.
func (c Client) At(addresses ...string) Client {
	c.lookup = func(context.Context, string) ([]string, error) { return addresses, nil }
	return c
}

// Refused names the parameters of a URL that a server's error is about, in a login without a
// certificate.
func Refused(url connection.URL, code, message string) ([]string, error) {
	s, err := read(url)
	s.config = &pgconn.Config{TLSConfig: new(tls.Config)}
	return s.refused(&pgconn.PgError{Code: code, Message: message}), err
}

// WithoutClearText takes the password in clear text out of a require_auth.
var WithoutClearText = withoutClearText

// Verify checks what a server says it is as a login with the URL does, with a root in PEM, ""
// for none.
func Verify(url connection.URL, root string, chain ...*x509.Certificate) error {
	s, err := read(url)
	if err != nil {
		return err
	}
	own, _ := identity{Root: root}.read()
	verify := trust(url, s.get("sslrootcert"), own).VerifyConnection
	if verify == nil {
		return nil
	}
	return verify(tls.ConnectionState{PeerCertificates: chain})
}

// Guard returns what pgx reads of a server's messages, of which a login takes so many bytes.
func Guard(sent string, left int) (passed []byte, err error) {
	return io.ReadAll(&guard{from: bytes.NewReader([]byte(sent)), left: &left})
}

// The bounds of what a server may send, and make a login compute.
const (
	MaxRaw        = maxRaw
	MaxChallenge  = maxChallenge
	MaxIterations = maxIterations
)

// ReadAll connects to a URL's server and reads until an error, which is returned as that of a
// login.
func ReadAll(ctx context.Context, url connection.URL) (n int64, err error) {
	ctx, way := newLine(ctx, net.DefaultResolver.LookupHost)
	defer way.close()
	conn, err := way.dial(ctx, "tcp", address(url))
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(io.Discard, conn)
	return n, way.silent(url, err)
}

// Plain keeps of an error what no server can have written.
var Plain = plain

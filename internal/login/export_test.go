package login

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"keepcurrent.example/internal/connection"
)

// UnderWay returns how many logins are under way.
func UnderWay() int { return len(slots) }

// Overtime returns the result of a login that has dialed, never ends, and is out of time.
func Overtime(ctx context.Context, url connection.URL) error {
	ctx, way := newLine(ctx, net.DefaultResolver.LookupHost)
	if _, err := way.dial(ctx, "tcp", address(url)); err != nil {
		return err
	}
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

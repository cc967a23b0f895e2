// Package login proves a connection URL by logging in with it.
//
// [Client.Login] logs in to a Postgres or a Redis over TLS, within [Timeout], and says by its
// error whether the server was reached and what it answered. [JudgeSQLState] says what kind of
// error a SQLSTATE is, and [ValidSQLState] whether a text is one.
package login

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
)

// Timeout is how long one login may take, in all.
const Timeout = 5 * time.Second

// firstTry is how long the first of a login's two tries may take; the second one has the
// rest. It is short, so that a connection that says nothing costs a good candidate little,
// and long enough for a kernel to send a lost packet again, which it does after a second.
const firstTry = 1200 * time.Millisecond

// Client logs in to database servers. It implements [reconcile.Database].
type Client struct {
	// Read returns the value of a secret that holds certificates.
	Read func(ctx context.Context, id string) (credential.Value, error)

	lookup func(ctx context.Context, host string) ([]string, error) // for tests; nil is the system's
}

var _ reconcile.Database = Client{}

// Login opens one connection over TLS and closes it at once, with the certificates
// in the secret that clientTLS names, if it names one. If that connection hangs, Login
// closes it and opens another. It returns when the context is over, or after [Timeout].
//
// What an error wraps says how the login ended:
//
//   - [reconcile.ErrUnreachable]: no TCP connection could be made.
//   - [reconcile.ErrRefused], [reconcile.ErrFull], [reconcile.ErrNoTLS]: the server answered so.
//   - [reconcile.ErrUntried]: something was missing here.
//   - None of them: the server answered something else, or a parameter of the URL is the reason.
//
// An error shows nothing of the URL but host, port and names of parameters.
func (c Client) Login(ctx context.Context, url connection.URL, clientTLS string) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	own, err := c.identify(ctx, clientTLS)
	if err != nil {
		return err
	}
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w: too many logins are under way: %w", reconcile.ErrUntried, ctx.Err())
	}
	done := make(chan error, 1)
	lookup := c.lookup
	if lookup == nil {
		lookup = net.DefaultResolver.LookupHost
	}
	ctx, way := newLine(ctx, lookup)
	go func() {
		defer func() { <-slots }()
		defer way.close()
		done <- credential.RecoverPanic(func() error { return tryTwice(ctx, way, url, own) })
	}()
	select {
	case err = <-done:
		return err
	case <-ctx.Done():
		return overtime(done, way, url, ctx.Err())
	}
}

// tryTwice logs in, and once more if the first try hangs. A login may be made twice: it
// changes nothing at the server. The first connection is closed before the second is
// opened, for a small Heroku plan has 20 of them.
func tryTwice(ctx context.Context, way *line, url connection.URL, own credentials) error {
	try := postgresLogin
	if url.Engine() == connection.Redis {
		try = redisLogin
	}
	brief, cancel := context.WithTimeout(ctx, firstTry)
	defer cancel()
	err := try(brief, way, url, own)
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return err
	}
	way.close()
	return try(ctx, way, url, own)
}

// slots bound how many logins are under way: the 32 of a poll (four of each of eight apps)
// and as many for which no caller waits any more, because no context ends what a server
// makes pgx compute.
var slots = make(chan struct{}, 64)

// grace is how long a login that its context has ended may take to say why.
const grace = 50 * time.Millisecond

// overtime ends a login whose time is over.
func overtime(done <-chan error, way *line, url connection.URL, err error) error {
	select {
	case err := <-done:
		return err
	case <-time.After(grace):
		way.close()
		return way.silent(url, err)
	}
}

func address(url connection.URL) string {
	return net.JoinHostPort(url.Host(), strconv.Itoa(int(url.Port())))
}

// certificateIn returns what is wrong with the server's certificate, if that is what
// err says.
func certificateIn(url connection.URL, err error) error {
	var certificate *certificateError
	if errors.As(err, &certificate) {
		return fmt.Errorf("%s: %w", address(url), certificate)
	}
	return nil
}

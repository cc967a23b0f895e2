package login

import (
	"context"
	"net"

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

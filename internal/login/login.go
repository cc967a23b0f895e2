// Package login proves a connection URL by logging in with it.
package login

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/keeper"
)

// Timeout is how long one login may take, in all.
const Timeout = 5 * time.Second

// Client logs in to database servers. It implements [keeper.Database].
type Client struct {
	// Read returns the value of a secret that holds a certificate.
	Read func(ctx context.Context, id string) (credential.Value, error)
}

var _ keeper.Database = Client{}

// Login opens one connection over TLS and closes it at once, with the certificate
// in the secret that clientTLS names, if it names one. An error wraps
// [keeper.ErrRefused], [keeper.ErrFull] or [keeper.ErrNoTLS] if the server answered
// so, and none of them if it could not be reached; it shows nothing of the URL but
// host and port.
func (c Client) Login(ctx context.Context, url connection.URL, clientTLS string) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	config := &tls.Config{ServerName: url.Host()}
	// Heroku's certificates are signed by itself, and sslmode=require checks none
	// (https://devcenter.heroku.com/articles/connecting-heroku-postgres).
	config.InsecureSkipVerify = url.SSLMode() != "verify-full"
	if clientTLS != "" {
		if err := c.identify(ctx, config, clientTLS); err != nil {
			return err
		}
	}
	if url.Engine() == connection.Redis {
		return redisLogin(ctx, url, config)
	}
	return postgresLogin(ctx, url, config)
}

func address(url connection.URL) string {
	return net.JoinHostPort(url.Host(), strconv.Itoa(int(url.Port())))
}

// unreachable says that a server did not answer, in words that show nothing else.
func unreachable(url connection.URL, err error) error {
	var network *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return fmt.Errorf("%s did not answer in time: %w", address(url), context.DeadlineExceeded)
	case errors.As(err, &network):
		return fmt.Errorf("%s cannot be reached: %w", address(url), network)
	}
	return fmt.Errorf("%s cannot be reached", address(url))
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

package consumer

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// loginTimeout bounds the login that proves a credential. pgxpool allows a connection
// two minutes, and a host that is gone would use them all.
const loginTimeout = 5 * time.Second

// login logs in with the credential, with config's other settings, and disconnects. Only a
// login that succeeds proves the credential. A failure is final if it is about this user,
// password or database: anything else may pass.
func (s *Source) login(ctx context.Context, c *credential, config *pgx.ConnConfig) (failure *Error, final bool) {
	c.apply(config)
	config.Config.AfterConnect = nil // it is for connections that are used
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, &config.Config)
	if err == nil {
		_ = conn.Close(ctx) // the login is proven
		return nil, false
	}
	failure = &Error{
		SecretID: s.SecretID,
		Version:  c.version,
		Address:  net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))),
	}
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		failure.Kind, failure.Err = ErrUnreachable, unquoted(err)
		if setting := demanding(err); setting != nil {
			failure.Kind, failure.Err = ErrSettings, setting
		}
		return failure, false
	}
	if !isSQLState(answer.Code) {
		failure.Kind, failure.Err = ErrUnreachable, errNoPostgres
		return failure, false
	}
	failure.SQLState = answer.Code
	switch {
	case isFull(answer.Code, answer.Message):
		failure.Kind = ErrFull
	case isAbsence(answer.Code, answer.Message) && !isRefusal(answer.Code, answer.Message):
		failure.Kind = ErrUnreachable
	default:
		failure.Kind = ErrRefused
	}
	return failure, isRefusal(answer.Code, answer.Message)
}

var errNoPostgres = errors.New("the connection broke off, or the server answers what no Postgres does")

// unquoted returns the part of pgx's error that no server can have written. pgx names
// the user, and quotes what it does not understand: a server can send back the password.
func unquoted(err error) error {
	if network := networkError(err); network != nil {
		return network
	}
	var name *net.DNSError
	if errors.As(err, &name) {
		return name
	}
	return errNoPostgres
}

// networkError returns the part of an error that comes from the network or from the end of a
// context, nil if there is none.
func networkError(err error) error {
	var network *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &network):
		return network
	}
	return nil
}

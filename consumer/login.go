package consumer

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// loginTimeout is of the login that proves a credential. pgxpool gives a
// connection two minutes, which a host that is gone would take.
const loginTimeout = 5 * time.Second

// login logs in with the credential, as config connects otherwise, and leaves.
// It returns nil unless the server refused the credential or could not be
// reached: of all other errors the pool's own login will tell.
func (s *Source) login(ctx context.Context, c *credential, config *pgx.ConnConfig) *Error {
	config = config.Copy()
	c.apply(config)
	config.Config.AfterConnect = nil // it is for connections that are used
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, &config.Config)
	if err == nil {
		_ = conn.Close(ctx) // the login is proven
		return nil
	}
	failure := &Error{
		SecretID: s.SecretID,
		Version:  c.version,
		Address:  net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))),
	}
	var answer *pgconn.PgError
	switch errors.As(err, &answer); {
	case answer == nil:
		failure.Kind, failure.Err = ErrUnreachable, errors.Unwrap(err) // pgx names the user in front of it
	case refusal(answer.Code):
		failure.Kind, failure.SQLState = ErrRefused, answer.Code
	case absence(answer.Code):
		failure.Kind, failure.SQLState = ErrUnreachable, answer.Code
	default:
		return nil
	}
	return failure
}

// refusal reports whether an SQLSTATE says that the credential is wrong: class 28
// (invalid authorization) and 3D000 (no such database)
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func refusal(sqlstate string) bool {
	return strings.HasPrefix(sqlstate, "28") || sqlstate == "3D000"
}

// absence reports whether an SQLSTATE says that there is no server to talk to:
// class 08 (connection exception) and 57P (it is shutting down or starting up).
func absence(sqlstate string) bool {
	return strings.HasPrefix(sqlstate, "08") || strings.HasPrefix(sqlstate, "57P")
}

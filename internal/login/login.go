// Package login proves a connection URL by logging in with it.
package login

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/keeper"
)

// Timeout is how long one login may take, in all.
const Timeout = 5 * time.Second

// Postgres logs in to a Postgres server. It implements [keeper.Database].
type Postgres struct{}

var _ keeper.Database = Postgres{}

// Login opens one connection over TLS and closes it at once. An error wraps
// [keeper.ErrRefused], [keeper.ErrFull] or [keeper.ErrNoTLS] if the server
// answered so, and none of them if it could not be reached; it shows nothing of
// the URL but host and port.
func (Postgres) Login(ctx context.Context, url connection.URL) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	config, err := configOf(url)
	if err != nil {
		return err
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return classify(url, err)
	}
	// The login is proven; a farewell that fails proves nothing else.
	_ = conn.Close(ctx)
	return nil
}

// configOf gives pgx's parser only what is no credential: its errors quote their
// input. Query parameters other than sslmode are a consumer's business, and
// a server refuses those that it does not know.
func configOf(url connection.URL) (*pgconn.Config, error) {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace
	config, err := pgconn.ParseConfig(fmt.Sprintf("host='%s' port=%d dbname='%s' sslmode=%s connect_timeout=%d "+
		// Named, so that no PG* variable or file in a home directory decides them.
		"user='x' password='x' passfile='' sslrootcert='' sslcert='' sslkey='' target_session_attrs=any",
		quote(url.Host()), url.Port(), quote(url.Database()), url.SSLMode(), int(Timeout.Seconds())))
	if err != nil {
		return nil, errors.New("the connection URL does not suit the Postgres client")
	}
	config.User, config.Password = url.Username(), url.Password().Reveal()
	config.RuntimeParams = map[string]string{"application_name": "keepcurrent"}
	return config, nil
}

// classify turns pgx's error, which names the user, into one that says only what
// a decision needs.
func classify(url connection.URL, err error) error {
	address := net.JoinHostPort(url.Host(), strconv.Itoa(int(url.Port())))
	var answer *pgconn.PgError
	var network *net.OpError
	switch {
	case errors.As(err, &answer) && refusal(answer.Code):
		return fmt.Errorf("%w (%s answers SQLSTATE %s)", keeper.ErrRefused, address, answer.Code)
	case errors.As(err, &answer) && answer.Code == "53300":
		return fmt.Errorf("%s: %w (SQLSTATE %s)", address, keeper.ErrFull, answer.Code)
	case errors.As(err, &answer):
		return fmt.Errorf("%s takes no login now (SQLSTATE %s)", address, answer.Code)
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return fmt.Errorf("%s: %w", address, keeper.ErrNoTLS)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s did not answer within %v: %w", address, Timeout, context.DeadlineExceeded)
	case errors.As(err, &network):
		return fmt.Errorf("%s cannot be reached: %w", address, network)
	}
	return fmt.Errorf("%s cannot be reached", address)
}

// refusal reports whether an SQLSTATE says that this credential is wrong, rather
// than that the server is starting, full or broken: class 28 (invalid
// authorization) and 3D000 (no such database)
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func refusal(sqlstate string) bool {
	return strings.HasPrefix(sqlstate, "28") || sqlstate == "3D000"
}

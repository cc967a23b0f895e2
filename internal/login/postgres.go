package login

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/keeper"
)

// postgresLogin proves the URL of a Postgres. How pgx understands the URL's sslmode
// counts, unless there is a certificate to show.
func postgresLogin(ctx context.Context, url connection.URL, identity *tls.Config) error {
	config, err := configOf(url)
	if err != nil {
		return err
	}
	if len(identity.Certificates) > 0 {
		config.TLSConfig = identity
	}
	config.TLSConfig.CurvePreferences = curves
	config.MaxProtocolMessageBodyLen = maxMessage
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return classify(url, err)
	}
	// The login is proven; a farewell that fails proves nothing else.
	_ = conn.Close(ctx)
	return nil
}

// curves begin with the one that a Postgres before 18 takes by default, P-256. Asked
// with one of Go's own, it would answer that it wants another, which is a round
// trip more. Every server must know P-256
// (https://www.postgresql.org/docs/17/runtime-config-connection.html#GUC-SSL-ECDH-CURVE,
// https://www.rfc-editor.org/rfc/rfc8446#section-9.1).
var curves = []tls.CurveID{tls.CurveP256, tls.CurveP384, tls.CurveP521}

// maxMessage bounds what is read of a server: a config var can name any, and
// pgx makes room for whatever length a message claims.
const maxMessage = 64 << 10

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
		return nil, fmt.Errorf("%w: the connection URL does not suit the Postgres client", keeper.ErrUntried)
	}
	config.User, config.Password = url.Username(), url.Password().Reveal()
	config.RuntimeParams = map[string]string{"application_name": "keepcurrent"}
	return config, nil
}

// classify turns pgx's error, which names the user, into one that says only what
// a decision needs.
func classify(url connection.URL, err error) error {
	var answer *pgconn.PgError
	switch {
	case errors.As(err, &answer) && refusal(answer.Code):
		return fmt.Errorf("%w (%s answers SQLSTATE %s)", keeper.ErrRefused, address(url), answer.Code)
	case errors.As(err, &answer) && answer.Code == "53300":
		return fmt.Errorf("%s: %w (SQLSTATE %s)", address(url), keeper.ErrFull, answer.Code)
	case errors.As(err, &answer) && isSQLState(answer.Code):
		return fmt.Errorf("%s takes no login now (SQLSTATE %s)", address(url), answer.Code)
	case errors.As(err, &answer):
		return fmt.Errorf("%s answers what no Postgres does", address(url))
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return fmt.Errorf("%s: %w", address(url), keeper.ErrNoTLS)
	}
	return unreachable(url, err)
}

// refusal reports whether an SQLSTATE says that this credential is wrong, rather
// than that the server is starting, full or broken: class 28 (invalid
// authorization) and 3D000 (no such database)
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func refusal(sqlstate string) bool {
	return isSQLState(sqlstate) && strings.HasPrefix(sqlstate, "28") || sqlstate == "3D000"
}

// isSQLState holds a server to five capitals and digits. A false one could send back
// what it was sent, and have us print it.
func isSQLState(code string) bool {
	for _, c := range []byte(code) {
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return len(code) == 5
}

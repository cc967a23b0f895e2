package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/reconcile"
)

// postgresLogin proves the URL of a Postgres with what pgx would send for it.
func postgresLogin(ctx context.Context, way *line, url connection.URL, own credentials) error {
	s, err := read(url)
	if err != nil {
		return hint(url, err)
	}
	if err := s.configure(url, trust(url, s.get("sslrootcert"), own)); err != nil {
		return hint(url, err)
	}
	s.config.DialFunc = way.dial
	s.config.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		addresses, err := way.lookup(ctx, host)
		if deadline, ok := ctx.Deadline(); ok && len(addresses) > 1 { // one that says nothing must leave time for the others
			s.config.ConnectTimeout = time.Until(deadline) / time.Duration(len(addresses))
		}
		return addresses, err
	}
	left := maxRead
	s.config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(&guard{from: r, left: &left}, w)
	}
	conn, err := pgconn.ConnectConfig(ctx, s.config)
	if err != nil {
		return s.classify(url, way, err)
	}
	// The login is proven; a farewell that fails proves nothing else.
	_ = conn.Close(ctx)
	return nil
}

// hint adds what to do about parameters that fail a login.
func hint(url connection.URL, err error) error {
	var parameters *connection.ParameterError
	if !errors.As(err, &parameters) {
		return err
	}
	return fmt.Errorf("%s: %w (if your own client takes it: heroku:verify=server logs in without parameters)", address(url), err)
}

// classify turns pgx's error, which names the user, into one that says only what
// a decision needs.
func (s settings) classify(url connection.URL, way *line, err error) error {
	for _, own := range []error{errClearText, errComputing, errTooMuch} {
		if errors.Is(err, own) {
			return fmt.Errorf("%s: %w", address(url), own)
		}
	}
	if certificate := certificateIn(url, err); certificate != nil {
		return certificate
	}
	var answer *pgconn.PgError
	switch {
	case errors.As(err, &answer):
		return s.answered(url, answer)
	case errors.Is(err, pgconn.ErrReadOnlyConnection), errors.Is(err, pgconn.ErrReadWriteConnection),
		errors.Is(err, pgconn.ErrPrimaryConnection), errors.Is(err, pgconn.ErrStandbyConnection):
		return hint(url, &connection.ParameterError{Names: []string{"target_session_attrs"}, Reason: "asks for another kind of server"})
	case way.began() != errorByte && strings.Contains(err.Error(), "server refused TLS connection"):
		return fmt.Errorf("%s: %w", address(url), reconcile.ErrNoTLS)
	}
	silent := way.silent(url, err)
	if names := s.demanding(); len(names) > 0 && way.reached() && !errors.Is(silent, context.DeadlineExceeded) {
		return hint(url, fmt.Errorf("%w: %w", silent, &connection.ParameterError{Names: names, Reason: "may be the reason"}))
	}
	return silent
}

// errorByte begins the answer of a Postgres that cannot start a process, in place of
// the one that says whether it speaks TLS
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL).
const errorByte = 'E'

// answered judges an error that the server sent. Of its text nothing is shown but
// five characters, and the names of parameters that were in the URL.
func (s settings) answered(url connection.URL, answer *pgconn.PgError) error {
	code := answer.Code
	if !ValidSQLState(code) {
		return fmt.Errorf("%s answers what no Postgres does", address(url))
	}
	if names := s.refused(answer); len(names) > 0 {
		reason := "is refused by the server (SQLSTATE " + code
		if others := slices.DeleteFunc(s.names(), func(name string) bool { return slices.Contains(names, name) }); len(others) > 0 {
			reason += "; it stops at the first one, and may refuse " + strings.Join(others, ", ") + " too"
		}
		return hint(url, &connection.ParameterError{Names: names, Reason: reason + ")"})
	}
	switch JudgeSQLState(code, answer.Message) {
	case KindRefused:
		return fmt.Errorf("%w (%s answers SQLSTATE %s)", reconcile.ErrRefused, address(url), code)
	case KindFull:
		return fmt.Errorf("%s: %w (SQLSTATE %s)", address(url), reconcile.ErrFull, code)
	}
	return fmt.Errorf("%s takes no login now (SQLSTATE %s)", address(url), code)
}

// refused names the parameters of the URL that an answer is about, if it is about
// any: those that its text names, or all that were sent.
func (s settings) refused(answer *pgconn.PgError) []string {
	switch code := answer.Code; {
	case code == "28000" && s.get("sslcert") != "" && len(s.config.TLSConfig.Certificates) == 0:
		return []string{"sslcert"} // a file that only the program has
	case s.replicates() && code != "28P01" && code != "3D000":
		return []string{"replication"}
	}
	kind := JudgeSQLState(answer.Code, answer.Message)
	if kind != KindParameter && answer.Code != "42501" {
		return nil
	}
	var names []string
	for _, name := range s.names() {
		if isAbout(answer.Message, name) || name == "options" && s.setByOptions(answer.Message) {
			names = append(names, name)
		}
	}
	if len(names) == 0 && kind == KindParameter {
		return s.names()
	}
	return names
}

// replicates reports whether the URL asks for a connection of another protocol, which
// has rules of its own for who may have one.
func (s settings) replicates() bool {
	value, asked := s.sent["replication"]
	return asked && !slices.Contains([]string{"", "false", "off", "no", "0"}, strings.ToLower(value))
}

// setByOptions reports whether a message is about a setting in options
// (-c NAME=VALUE, --NAME=VALUE), or about options that make none.
func (s settings) setByOptions(message string) bool {
	for word := range strings.FieldsSeq(s.sent["options"]) {
		name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(word, "-c"), "--"), "=")
		if name != "" && isAbout(message, name) {
			return true
		}
	}
	return false
}

// isAbout reports whether a message has the name as a word of its own, in whatever
// language and quotes.
func isAbout(message, name string) bool {
	other := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.')
	}
	for word := range strings.FieldsFuncSeq(message, other) {
		if strings.EqualFold(word, name) {
			return true
		}
	}
	return false
}

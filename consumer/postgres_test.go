package consumer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"testing"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/login"
)

// The functions and this package classify the answers of a server in the same way.
func TestAnswersMeanWhatTheyMeanToTheFunctions(t *testing.T) {
	t.Parallel()
	messages := append([]string{"", "SASL authentication failed", "no such user", "no such database: d"}, slices.Concat(refusals, parameter, full, repeated, []string{"server conn crashed?", "shutting down", "cached error: authentication failed (server_login_retry)"})...)
	for _, a := range slices.Clone(messages) { // and two of them in one
		for _, b := range slices.Concat(refusals, parameter, full, repeated) {
			messages = append(messages, a+" "+b)
		}
	}
	for _, code := range []string{"08000", "08P01", "28000", "28P01", "3D000", "42501", "42704", "53300", "57P03", "XX000"} {
		for _, message := range messages {
			kind := login.JudgeSQLState(code, message)
			if got, want := isRefusal(code, message), kind == login.KindRefused; got != want {
				t.Errorf("%s %q: refused %t, want %t", code, message, got, want)
			}
			if got, want := isFull(code, message), kind == login.KindFull; got != want {
				t.Errorf("%s %q: full %t, want %t", code, message, got, want)
			}
			if code == "08P01" && isAbsence(code, message) && (kind == login.KindFull || kind == login.KindParameter) {
				t.Errorf("%s %q is there", code, message)
			}
		}
	}
	for _, code := range []string{"28P01", "28p01", "28P0", "28P011", "pEXAM", "", "28P0\n"} {
		if isSQLState(code) != login.ValidSQLState(code) {
			t.Errorf("%q", code)
		}
	}
}

func TestWhichAnswersSayThatThereIsNoServer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code, message string
		want          bool
	}{
		{"57P01", "", true}, {"57P03", "", true}, {"57014", "", false},
		{"08000", "", true}, {"08006", "", true}, {"08P01", "server conn crashed?", true},
		{"08P01", "too many clients already", false}, {"08P01", "unsupported startup parameter: a", false},
		{"08P01", "cached error: too many clients (server_login_retry)", true},
		{"28P01", "", false}, {"53300", "", false}, {"XX000", "", false},
	} {
		if got := isAbsence(tt.code, tt.message); got != tt.want {
			t.Errorf("%s %q: absent %t", tt.code, tt.message, got)
		}
	}
}

func TestOfAFailedLoginOnlyWhatTheNetworkSaysIsKept(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("EXAMPLE: %w", context.DeadlineExceeded), "context deadline exceeded"},
		{fmt.Errorf("EXAMPLE: %w", context.Canceled), "context canceled"},
		{fmt.Errorf("EXAMPLE: %w", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), "dial: connection refused"},
		{fmt.Errorf("EXAMPLE: %w", &net.DNSError{Err: "no such host", Name: "db.invalid"}), "lookup db.invalid: no such host"},
		{errors.New("EXAMPLE"), errNoPostgres.Error()},
	} {
		if got := unquoted(tt.err); got == nil || got.Error() != tt.want {
			t.Errorf("%v becomes %v, want %s", tt.err, got, tt.want)
		}
	}
}

func TestParametersOfLibpqAreThoseThatTheLoginDoesNotSend(t *testing.T) {
	t.Parallel()
	for _, name := range append([]string{"application_name", "client_encoding", "connect_timeout", "options", "pgbouncer", "search_path", "sslcert", "statement_timeout"}, libpqs...) {
		for _, value := range []string{"1", "auto"} {
			p := connection.Parameter{Name: name, Value: value}
			if got, want := isLibpqs(name, value), p.Handler() == connection.Libpq; got != want {
				t.Errorf("%s=%s: libpq's %t, want %t", name, value, got, want)
			}
		}
	}
	if n := connection.LibpqParameters(); len(n) != len(libpqs) {
		t.Errorf("%d parameters, want %d", len(libpqs), len(n))
	}
}

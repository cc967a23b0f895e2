package login_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/login"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/postgrestest"
)

// verdicts are the errors that a decision depends on.
var verdicts = []error{reconcile.ErrUnreachable, reconcile.ErrRefused, reconcile.ErrFull, reconcile.ErrNoTLS, reconcile.ErrUntried}

// says fails the test unless an error wraps this verdict and no other; nil is none.
func says(t *testing.T, err, verdict error) {
	t.Helper()
	if err == nil {
		t.Error("it counts as a login")
		return
	}
	for _, other := range verdicts {
		if errors.Is(err, other) != (other == verdict) {
			t.Errorf("got error %v, want %v", err, verdict)
		}
	}
}

// vectors reads the cases of a file in testdata.
func vectors[C any](t *testing.T, name string) (cases []C) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []C }
	if err := json.Unmarshal(text, &file); err != nil || len(file.Cases) == 0 {
		t.Fatalf("%s has no cases: %v", name, err)
	}
	return file.Cases
}

// The login check uses the URL that is published, with its parameters.
func TestParametersDecide(t *testing.T) {
	t.Parallel()
	db := postgrestest.Run(t)
	for _, tt := range vectors[struct{ Query, Outcome, Names string }](t, "url-parameters.json") {
		t.Run(tt.Query, func(t *testing.T) {
			u, err := connection.Parse(credential.New(db.URL() + "?" + tt.Query))
			if (err != nil) != (tt.Outcome == "failed") {
				t.Fatalf("it is parsed with %v", err)
			}
			if err == nil {
				err = login.Client{}.Login(t.Context(), u, "")
			}
			if (err == nil) != (tt.Outcome == "published") {
				t.Fatalf("got error %v", err)
			}
			if err == nil {
				return
			}
			says(t, err, nil)
			if !strings.Contains(err.Error(), tt.Names) {
				t.Errorf("the error does not name %s: %v", tt.Names, err)
			}
			quiet(t, err, tt.Query)
		})
	}
}

// quiet fails the test if an error shows a value of the query.
func quiet(t *testing.T, err error, query string) {
	t.Helper()
	for parameter := range strings.SplitSeq(query, "&") {
		_, value, _ := strings.Cut(parameter, "=")
		decoded, _ := url.QueryUnescape(value)
		if len(decoded) > 4 && decoded != "system" && decoded != "verify-ca" && decoded != "verify-full" && decoded != "require" && decoded != "standby" &&
			strings.Contains(err.Error(), decoded) && decoded != "password" {
			t.Errorf("the error shows a value: %v", err)
		}
	}
}

// This is for parameters that only the user's client knows.
func TestWithoutItsParametersAURLLogsIn(t *testing.T) {
	t.Parallel()
	u, err := connection.Parse(credential.New(postgrestest.Run(t).URL() + "?pgbouncer=true&connection_limit=1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := (login.Client{}).Login(t.Context(), u.WithoutParameters(), ""); err != nil {
		t.Error(err)
	}
}

func TestNoServerDecidesWhichTextIsShown(t *testing.T) {
	t.Parallel()
	db := postgrestest.Run(t)
	tests := map[string]struct{ query, sqlstate, message, says string }{
		"a name that was not sent":        {"schema=pEXAMPLE", "42704", `unrecognized configuration parameter "pEXAMPLE"`, "parameter schema is refused"},
		"another language":                {"schema=x&a_b=y", "42704", "unbekannter Konfigurationsparameter »a_b«", "parameter a_b is refused"},
		"none":                            {"schema=x&a_b=y", "22023", "pEXAMPLE", "parameters a_b, schema is refused"},
		"none, and nothing was sent":      {"", "42704", "pEXAMPLE", "takes no login now (SQLSTATE 42704)"},
		"an option":                       {"a=1&options=-c%20x.y%3Dz", "42704", `unrecognized configuration parameter "x.y"`, "parameter options is refused"},
		"PgBouncer's parameter":           {"schema=x&a=y", "08P01", "unsupported startup parameter: schema", "parameter schema is refused"},
		"PgBouncer's option":              {"options=-c%20a%3Db", "08P01", "unsupported startup parameter in options: a", "parameter options is refused"},
		"a setting that is a superuser's": {"a_b=1", "42501", `permission denied to set parameter "a_b"`, "parameter a_b is refused"},
		"no right to connect":             {"a_b=1", "42501", `permission denied for database "d"`, "takes no login now (SQLSTATE 42501)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			db.Intercept(func() postgrestest.Fault { return postgrestest.Say(tt.sqlstate, tt.message) })
			err := try(t, db.URL()+"?"+tt.query)
			says(t, err, nil)
			if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "EXAMPLE") {
				t.Errorf("got error %v, want one that says %q", err, tt.says)
			}
		})
	}
}

// A Postgres accepts no longer message, and pgx reads without a limit what is sent meanwhile.
func TestParametersBeyondTheStartUpMessageAreNotSent(t *testing.T) {
	t.Parallel()
	db := postgrestest.Run(t)
	err := try(t, db.URL()+"?search_path="+strings.Repeat("x", 10000))
	says(t, err, nil)
	if err == nil || !strings.Contains(err.Error(), "search_path is too long") {
		t.Errorf("got error %v", err)
	}
	if err := try(t, db.URL()+"?application_name="+strings.Repeat("x", 9000)); err != nil {
		t.Error(err)
	}
}

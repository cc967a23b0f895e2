package connection_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

func TestParametersAreReadAsLibpqReadsThem(t *testing.T) {
	t.Parallel()
	tests := map[string]string{ // the query: the parameters
		"":                                     "[]",
		"sslmode=verify-full":                  "[]",
		"a=1&&b=+x&sslmode=require&c=%2B%3d":   "[{a 1} {b +x} {c +=}]",
		"options=-c%20search_path%3Dapp":       "[{options -c search_path=app}]",
		"%61pplication_name=shop":              "[{application_name shop}]",
		"pg_stat_statements.track=all&empty=":  "[{pg_stat_statements.track all} {empty }]",
		"sslrootcert=config%2Fca.pem&ssl=true": "[{sslrootcert config/ca.pem} {ssl true}]",
	}
	for query, want := range tests {
		got, err := parse(t, "postgres://u:pEXAMPLE@h/d?"+query).Parameters()
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: got %v, %v", query, got, err)
		}
	}
}

func TestParametersThatNoClientUnderstandsAreNamed(t *testing.T) {
	t.Parallel()
	tests := map[string]string{ // the query: what the error says
		"schema":                 "schema",
		"options=-c a=EXAMPLE":   "options",
		"a=%zzEXAMPLE":           "parameter a has",
		"a=EXA MPLE":             "parameter a has",
		"a=EXAMPLE&a=EXAMPLE":    "a is given twice",
		"a=EXAMPLE&%61=EXAMPLE2": "a is given twice",
		"=EXAMPLE":               "no word",
		"p%40EXAMPLE=1":          "no word",
		"%zz=EXAMPLE":            "no word",
	}
	for query, says := range tests {
		_, err := parse(t, "postgres://u:pEXAMPLE@h/d?"+query).Parameters()
		var refused *connection.ParameterError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "EXAMPLE") {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestAParameterHasOneHandler(t *testing.T) {
	t.Parallel()
	tests := map[connection.Parameter]connection.Handler{
		{"application_name", "shop"}:     connection.Server,
		{"client_encoding", "UTF8"}:      connection.Server,
		{"client_encoding", "auto"}:      connection.Libpq,
		{"keepalives", "1"}:              connection.Libpq,
		{"tcp_user_timeout", "1000"}:     connection.Libpq,
		{"gssencmode", "disable"}:        connection.Libpq,
		{"channel_binding", "require"}:   connection.Client,
		{"pool_max_conns", "3"}:          connection.Client,
		{"pool_timeout", "10"}:           connection.Server,
		{"default_query_exec_mode", "x"}: connection.Client,
	}
	for p, want := range tests {
		if got := p.Handler(); got != want {
			t.Errorf("%v: got %v", p, got)
		}
	}
}

func TestAValueThatLibpqRefusesIsNamed(t *testing.T) {
	t.Parallel()
	for p, takes := range map[connection.Parameter]bool{
		{"keepalives", "1"}:                     true,
		{"keepalives_idle", "-1"}:               true,
		{"keepalives", "pEXAMPLE"}:              false,
		{"tcp_user_timeout", "99999999999"}:     false,
		{"gssencmode", "require"}:               false,
		{"load_balance_hosts", "random"}:        true,
		{"ssl_min_protocol_version", "TLSv1.2"}: true,
		{"ssl_min_protocol_version", "1.2"}:     false,
		{"requiressl", "0"}:                     false,
		{"scram_client_key", "pEXAMPLE"}:        false,
		{"fallback_application_name", "x"}:      true,
		{"nosuch", "pEXAMPLE"}:                  true, // the server's business
	} {
		err := p.Check()
		if (err == nil) != takes || err != nil && (!strings.Contains(err.Error(), p.Name) || strings.Contains(err.Error(), "EXAMPLE")) {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

func TestASchemeInCapitalsIsWrittenSmall(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Postgres://u:P@H/D?A=B":      "postgres://u:P@H/D?A=B&sslmode=require",
		"POSTGRESQL://u:P@h/d":        "postgresql://u:P@h/d?sslmode=require",
		"REDISS://:PEXAMPLE@h:6379/0": "rediss://:PEXAMPLE@h:6379/0",
	} {
		if got := parse(t, text).Text().Reveal(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Some services end a line at one, and take what follows for a command.
func TestNoPartOfAURLHasAControlCharacter(t *testing.T) {
	t.Parallel()
	for _, encoded := range []string{"%0d%0a", "%0A", "%1b", "%7f", "%7F", "%C2%85", "%09", "\x7f", "\u0085", "\t"} {
		for _, text := range []string{
			"rediss://:pEXAMPLE" + encoded + "MAIL@h", "rediss://u" + encoded + "x:pEXAMPLE@h", "rediss://:pEXAMPLE@h/1" + encoded + "2",
			"rediss://:pEXAMPLE@h?a=" + encoded + "b", "rediss://:pEXAMPLE@h?" + encoded + "a=b", "rediss://:pEXAMPLE@h?a=%zz" + encoded + "b",
			"postgres://u:pEXAMPLE" + encoded + "x@h/d", "postgres://u:pEXAMPLE@h" + encoded + "x/d",
			"postgres://u:pEXAMPLE@h/d" + encoded + "x", "postgres://u:pEXAMPLE@h/d?options=" + encoded + "x",
		} {
			if _, err := connection.Parse(credential.New(text)); err == nil || strings.Contains(err.Error(), "EXAMPLE") {
				t.Errorf("%q: %v", text, err)
			}
		}
	}
}

func TestWhatWasCopiedAroundAURLIsNamed(t *testing.T) {
	t.Parallel()
	const url = "postgres://u:pEXAMPLE@h/d"
	for text, says := range map[string]string{
		url + "\n": "line end", url + "\r\n": "line end", " " + url: "blank", url + "\t": "blank", url + " ?application_name=a": "blank",
		`"` + url + `"`: "quotes", "'" + url + "'": "quotes", "`" + url + "`": "quotes", `"` + url + "\"\n": "line end",
	} {
		if _, err := connection.Parse(credential.New(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAURLWithoutItsParametersAsksForTLSAndNoMore(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"postgres://u:p%2f@h:1/d?a=b":                   "postgres://u:p%2f@h:1/d?sslmode=require",
		"postgres://u:p@h/d?sslmode=verify-full&pool=1": "postgres://u:p@h/d?sslmode=require",
		"rediss://:p@h:1/2?ssl_cert_reqs=none":          "rediss://:p@h:1/2",
	} {
		u := parse(t, text).WithoutParameters()
		if u.Text().Reveal() != want || u.Password().Reveal() == "" {
			t.Errorf("%s: got %s", text, u.Text().Reveal())
		}
	}
}

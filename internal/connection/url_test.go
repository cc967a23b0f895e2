package connection_test

import (
	"fmt"
	"strings"
	"testing"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

const password = "pEXAMPLE0123456789"

func TestParseReadsWhatHerokuWrites(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ url, parts string }{
		"as Heroku writes it":        {"postgres://u1:pEXAMPLE@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d1", "u1 pEXAMPLE ec2-1-2-3-4.compute-1.amazonaws.com 5432 d1 require"},
		"the other scheme":           {"postgresql://u1:pEXAMPLE@h/d1", "u1 pEXAMPLE h 5432 d1 require"},
		"no port":                    {"postgres://u1:pEXAMPLE@h/d1", "u1 pEXAMPLE h 5432 d1 require"},
		"another port":               {"postgres://u1:pEXAMPLE@h:6432/d1", "u1 pEXAMPLE h 6432 d1 require"},
		"percent-encoded parts":      {"postgres://u%40x:p%2Fa%3As%25s%20%C3%A9@h/d%2F1", "u@x p/a:s%s é h 5432 d/1 require"},
		"IPv6 host":                  {"postgres://u1:pEXAMPLE@[2001:db8::1]:5433/d1", "u1 pEXAMPLE 2001:db8::1 5433 d1 require"},
		"IPv6 host without a port":   {"postgres://u1:pEXAMPLE@[::1]/d1", "u1 pEXAMPLE ::1 5432 d1 require"},
		"stronger sslmode stays":     {"postgres://u1:pEXAMPLE@h/d1?sslmode=verify-full", "u1 pEXAMPLE h 5432 d1 verify-full"},
		"a CA only is stronger, too": {"postgres://u1:pEXAMPLE@h/d1?sslmode=verify-ca&sslrootcert=ca.pem", "u1 pEXAMPLE h 5432 d1 verify-ca"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := parse(t, tt.url)
			got := fmt.Sprintf("%s %s %s %d %s %s", u.Username(), u.Password().Reveal(), u.Host(), u.Port(), u.Database(), u.SSLMode())
			if got != tt.parts {
				t.Errorf("got %s, want %s", got, tt.parts)
			}
		})
	}
}

func TestParseAsksForTLSAndChangesNothingElse(t *testing.T) {
	t.Parallel()
	const base = "postgres://u1:p%2fEXAMPLE@h:5432/d1"
	tests := map[string]string{
		"":                                   "?sslmode=require",
		"?":                                  "?sslmode=require",
		"?sslmode=":                          "?sslmode=require",
		"?sslmode=disable":                   "?sslmode=require",
		"?sslmode=allow":                     "?sslmode=require",
		"?sslmode=prefer":                    "?sslmode=require",
		"?sslmode=require":                   "?sslmode=require",
		"?sslmode=verify-ca":                 "?sslmode=verify-ca",
		"?sslmode=verify-full":               "?sslmode=verify-full",
		"?z=1&a=%2f&sslmode=disable&b=+":     "?z=1&a=%2f&b=+&sslmode=require",
		"?options=-c%20x&sslmode=verify-ca":  "?options=-c%20x&sslmode=verify-ca",
		"?sslrootcert=system":                "?sslrootcert=system&sslmode=verify-full",
		"?sslrootcert=system&sslmode=prefer": "?sslrootcert=system&sslmode=verify-full",
		"?pgbouncer=true&connection_limit=1": "?pgbouncer=true&connection_limit=1&sslmode=require",
	}
	for query, want := range tests {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			if got := parse(t, base+query).Text().Reveal(); got != base+want {
				t.Errorf("got %s, want %s", got, base+want)
			}
		})
	}
}

// Some programs that work at Heroku fail at a URL with sslmode=require. A login asks for
// TLS all the same.
func TestAnUnchangedURLKeepsItsBytesAndALoginAsksForTLS(t *testing.T) {
	t.Parallel()
	tests := map[string]string{ // the URL: the sslmode of a login
		"postgres://u1:p%2fEXAMPLE@h:5432/d1":                          "require",
		"postgres://u1:p%2fEXAMPLE@h/d1?":                              "require",
		"POSTGRES://u1:p%2fEXAMPLE@h/d1":                               "require",
		"postgresql://u1:pEXAMPLE@h/d1?sslmode=disable":                "require",
		"postgres://u1:pEXAMPLE@h/d1?sslmode=prefer&a=b":               "require",
		"postgres://u1:pEXAMPLE@h/d1?z=%2f&sslmode=require&a=+":        "require",
		"postgres://u1:pEXAMPLE@h/d1?sslmode=verify-ca":                "verify-ca",
		"postgres://u1:pEXAMPLE@h/d1?a=b&sslmode=verify-full":          "verify-full",
		"postgres://u1:pEXAMPLE@h/d1?sslrootcert=system":               "verify-full",
		"postgres://u1:pEXAMPLE@h/d1?sslrootcert=system&sslmode=allow": "require", // libpq refuses it, and so does the login
		"rediss://:pEXAMPLE@h:6380":                                    "",
	}
	for text, sslmode := range tests {
		u, err := parse(t, text).Unchanged()
		if err != nil || u.Text().Reveal() != text || u.SSLMode() != sslmode {
			t.Errorf("%s: got %s, sslmode %q, %v", text, u.Text().Reveal(), u.SSLMode(), err)
		}
		object, err := u.JSON("DB")
		if err != nil || !strings.Contains(object.Reveal(), `"DB":"`+text+`"`) {
			t.Errorf("%s: got %s, %v", text, object.Reveal(), err)
		}
	}
}

func TestAnUnchangedURLWithAnEmptySSLModeIsRefused(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"?sslmode=", "?sslmode", "?a=b&%73slmode="} {
		u, err := parse(t, "postgres://u1:pEXAMPLE@h/d1"+query).Unchanged()
		if err == nil || err.Error() != "its sslmode is none that Postgres knows" || !u.Text().Empty() {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestParseRefusesWhatNoConsumerCouldUse(t *testing.T) {
	t.Parallel()
	const noURL, noPort, twice = "it is not a URL", "its port is not between", "it has more than one sslmode"
	tests := map[string]struct{ url, says string }{
		"empty":                       {"", "it is empty: set the config var"},
		"white space":                 {"  ", "its scheme is not"},
		"a password alone":            {password, "its scheme is not"},
		"a control character":         {"postgres://u1:" + password + "\n@h/d1", "control character"},
		"a slash in the password":     {"postgres://u1:" + password + "/x@h/d1", noURL},
		"an at sign in the password":  {"postgres://u1:" + password + "@x@h/d1", noURL},
		"an at sign and a slash":      {"postgres://u1:p@" + password + "/x@h/d1", noURL},
		"a slash in the database":     {"postgres://u1:" + password + "@h/d1/x", noURL},
		"a fragment":                  {"postgres://u1:" + password + "@h/d1#", noURL},
		"a hash in the password":      {"postgres://u1:" + password + "#x@h/d1", noURL},
		"a question mark in it":       {"postgres://u1:" + password + "?x@h/d1", noURL},
		"a bad percent-encoding":      {"postgres://u1:" + password + "%zz@h/d1", noURL},
		"opaque":                      {"postgres:u1:" + password + "@h/d1", noURL},
		"bytes that are not UTF-8":    {"postgres://u1:" + password + "%ff@h/d1", "not UTF-8"},
		"a user that is not UTF-8":    {"postgres://u%ff:" + password + "@h/d1", "not UTF-8"},
		"a host that is not UTF-8":    {"postgres://u1:" + password + "@h%ff/d1", "not UTF-8"},
		"a database that is not":      {"postgres://u1:" + password + "@h/d%ff", "not UTF-8"},
		"a zero byte":                 {"postgres://u1:" + password + "%00@h/d1", "not UTF-8"},
		"another scheme":              {"mysql://u1:" + password + "@h/d1", "its scheme is not"},
		"no scheme":                   {"//u1:" + password + "@h/d1", "its scheme is not"},
		"no user":                     {"postgres://:" + password + "@h/d1", "it has no user name"},
		"no credential at all":        {"postgres://h/d1", "it has no user name"},
		"no password":                 {"postgres://u1@h/d1", "it has no password"},
		"an empty password":           {"postgres://u1:@h/d1", "it has no password"},
		"no host":                     {"postgres://u1:" + password + "@/d1", "it has no host"},
		"a port and no host":          {"postgres://u1:" + password + "@:5432/d1", "it has no host"},
		"several hosts":               {"postgres://u1:" + password + "@h1:5432,h2:5432/d1", "not one name or address"},
		"an IPv6 host in no brackets": {"postgres://u1:" + password + "@2001:db8::1/d1", "not one name or address"},
		"no database":                 {"postgres://u1:" + password + "@h", "it has no database name"},
		"no database but a slash":     {"postgres://u1:" + password + "@h/", "it has no database name"},
		"a port that is no number":    {"postgres://u1:" + password + "@h:" + password + "/d1", noURL},
		"port 0":                      {"postgres://u1:" + password + "@h:0/d1", noPort},
		"a port that is too high":     {"postgres://u1:" + password + "@h:65536/d1", noPort},
		"an unknown sslmode":          {"postgres://u1:" + password + "@h/d1?sslmode=" + password, "its sslmode is none"},
		"more than one sslmode":       {"postgres://u1:" + password + "@h/d1?sslmode=verify-full&sslmode=disable", twice},
		"an empty sslmode and one":    {"postgres://u1:" + password + "@h/d1?sslmode=&sslmode=verify-full", twice},
		"one sslmode in disguise":     {"postgres://u1:" + password + "@h/d1?%73slmode=disable&sslmode=require", twice},
		"another user in disguise":    {"postgres://u1:" + password + "@h/d1?%75ser=other", "its query says again"},
		"a Redis without TLS":         {"redis://:" + password + "@h:6379", "without TLS"},
		"a Redis without a password":  {"rediss://h:6379", "it has no password"},
		"a Redis without a host":      {"rediss://:" + password + "@", "it has no host"},
		"a Redis with port 0":         {"rediss://:" + password + "@h:0", noPort},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := connection.Parse(credential.New(tt.url))
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("the error is %v, want one that says %s", err, tt.says)
			}
			if strings.Contains(err.Error(), password) {
				t.Errorf("the error shows the password: %v", err)
			}
			if !u.Text().Empty() {
				t.Error("a refused URL is not the zero URL")
			}
		})
	}
}

func TestParseRefusesAQueryThatSaysAgainWhoOrWhere(t *testing.T) {
	t.Parallel()
	for _, parameter := range []string{"host", "hostaddr", "port", "user", "password", "dbname", "database", "service"} {
		_, err := connection.Parse(credential.New("postgres://u1:pEXAMPLE@h/d1?a=b&" + parameter + "=other"))
		if err == nil || !strings.Contains(err.Error(), "its query says again") {
			t.Errorf("%s: %v", parameter, err)
		}
	}
}

func TestURLNeverPrints(t *testing.T) {
	t.Parallel()
	u := parse(t, "postgres://u1:"+password+"@h/d1")
	type holder struct{ hidden connection.URL }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(verb+verb+verb, u, &u, holder{u}); strings.Contains(text, password) || strings.Contains(text, "postgres://") {
			t.Errorf("%s shows the URL: %s", verb, text)
		}
	}
}

func TestDiffersNamesPartsAndShowsNone(t *testing.T) {
	t.Parallel()
	const from = "postgres://u:pEXAMPLE@h:5432/d?sslmode=require"
	tests := map[string]string{ // the other URL: the parts
		from:                                "[]",
		"postgres://u:pEXAMPLE@h/d":         "[]", // the same, spelt shorter
		"postgres://u:p2EXAMPLE@h/d":        "[password]",
		"postgresql://u:pEXAMPLE@h/d":       "[scheme]",
		"postgres://v:p2EXAMPLE@i:6432/e":   "[host port username password dbname]",
		"postgres://u:pEXAMPLE@h/d?a=b":     "[parameters]",
		"postgres://u:pEXAMPLE@h:6432/d":    "[port]",
		"postgres://u:pEXAMPLE@h/d2":        "[dbname]",
		"postgres://u:pEXAMPLE@10.0.0.1/d2": "[host dbname]",
	}
	for text, want := range tests {
		if got := fmt.Sprint(parse(t, text).Differs(parse(t, from))); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// SQLAlchemy knows postgresql:// alone.
func TestAPostgresCanBeSpeltWithTheOtherScheme(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"postgres", "postgresql"} {
		for _, to := range []string{"postgres", "postgresql"} {
			u, err := parse(t, from+"://u:pEXAMPLE@h:1/d?sslmode=require&a=://").Spelt(to)
			if err != nil || u.Text().Reveal() != to+"://u:pEXAMPLE@h:1/d?sslmode=require&a=://" {
				t.Errorf("%s, %v", u.Text().Reveal(), err)
			}
		}
	}
	if _, err := parse(t, "rediss://:pEXAMPLE@h").Spelt("postgresql"); err == nil {
		t.Error("a Redis has become a Postgres")
	}
}

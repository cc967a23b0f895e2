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
	tests := map[string]struct {
		url                            string
		username, password, host, name string
		port                           uint16
		sslmode                        string
	}{
		"as Heroku writes it":        {"postgres://u1:" + password + "@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d1", "u1", password, "ec2-1-2-3-4.compute-1.amazonaws.com", "d1", 5432, "require"},
		"the other scheme":           {"postgresql://u1:" + password + "@h/d1", "u1", password, "h", "d1", 5432, "require"},
		"no port":                    {"postgres://u1:" + password + "@h/d1", "u1", password, "h", "d1", 5432, "require"},
		"another port":               {"postgres://u1:" + password + "@h:6432/d1", "u1", password, "h", "d1", 6432, "require"},
		"percent-encoded parts":      {"postgres://u%40x:p%2Fa%3As%25s%20%C3%A9@h/d%2F1", "u@x", "p/a:s%s é", "h", "d/1", 5432, "require"},
		"IPv6 host":                  {"postgres://u1:" + password + "@[2001:db8::1]:5433/d1", "u1", password, "2001:db8::1", "d1", 5433, "require"},
		"IPv6 host without a port":   {"postgres://u1:" + password + "@[::1]/d1", "u1", password, "::1", "d1", 5432, "require"},
		"stronger sslmode stays":     {"postgres://u1:" + password + "@h/d1?sslmode=verify-full", "u1", password, "h", "d1", 5432, "verify-full"},
		"a CA only is stronger, too": {"postgres://u1:" + password + "@h/d1?sslmode=verify-ca&sslrootcert=ca.pem", "u1", password, "h", "d1", 5432, "verify-ca"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := connection.Parse(credential.New(tt.url))
			if err != nil {
				t.Fatal(err)
			}
			got := []any{u.Username(), u.Password().Reveal(), u.Host(), u.Database(), u.Port(), u.SSLMode()}
			want := []any{tt.username, tt.password, tt.host, tt.name, tt.port, tt.sslmode}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got %v, want %v", got, want)
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
		"?pgbouncer=true&connection_limit=1": "?pgbouncer=true&connection_limit=1&sslmode=require",
	}
	for query, want := range tests {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			u, err := connection.Parse(credential.New(base + query))
			if err != nil {
				t.Fatal(err)
			}
			if got := u.Text().Reveal(); got != base+want {
				t.Errorf("got %s, want %s", got, base+want)
			}
		})
	}
}

func TestParseRefusesWhatNoConsumerCouldUse(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"empty":                       "",
		"white space":                 "  ",
		"not a URL":                   password,
		"a control character":         "postgres://u1:" + password + "\n@h/d1",
		"a slash in the password":     "postgres://u1:" + password + "/x@h/d1",
		"an at sign in the password":  "postgres://u1:" + password + "@x@h/d1",
		"an at sign and a slash":      "postgres://u1:p@" + password + "/x@h/d1",
		"a slash in the database":     "postgres://u1:" + password + "@h/d1/x",
		"a fragment":                  "postgres://u1:" + password + "@h/d1#",
		"a hash in the password":      "postgres://u1:" + password + "#x@h/d1",
		"a question mark in it":       "postgres://u1:" + password + "?x@h/d1",
		"a bad percent-encoding":      "postgres://u1:" + password + "%zz@h/d1",
		"bytes that are not UTF-8":    "postgres://u1:" + password + "%ff@h/d1",
		"a zero byte":                 "postgres://u1:" + password + "%00@h/d1",
		"another scheme":              "mysql://u1:" + password + "@h/d1",
		"no scheme":                   "//u1:" + password + "@h/d1",
		"opaque":                      "postgres:u1:" + password + "@h/d1",
		"no user":                     "postgres://:" + password + "@h/d1",
		"no credential at all":        "postgres://h/d1",
		"no password":                 "postgres://u1@h/d1",
		"an empty password":           "postgres://u1:@h/d1",
		"no host":                     "postgres://u1:" + password + "@/d1",
		"a port and no host":          "postgres://u1:" + password + "@:5432/d1",
		"no database":                 "postgres://u1:" + password + "@h",
		"no database but a slash":     "postgres://u1:" + password + "@h/",
		"a port that is none":         "postgres://u1:" + password + "@h:" + password + "/d1",
		"port 0":                      "postgres://u1:" + password + "@h:0/d1",
		"a port that is too high":     "postgres://u1:" + password + "@h:65536/d1",
		"several hosts":               "postgres://u1:" + password + "@h1:5432,h2:5432/d1",
		"an sslmode that is none":     "postgres://u1:" + password + "@h/d1?sslmode=" + password,
		"an sslmode in disguise":      "postgres://u1:" + password + "@h/d1?%73slmode=disable&sslmode=require",
		"an empty sslmode and one":    "postgres://u1:" + password + "@h/d1?sslmode=&sslmode=verify-full",
		"another database, pgx's way": "postgres://u1:" + password + "@h/d1?database=other",
		"another host in the query":   "postgres://u1:" + password + "@h/d1?host=other",
		"another user in the query":   "postgres://u1:" + password + "@h/d1?%75ser=other",
		"more than one sslmode":       "postgres://u1:" + password + "@h/d1?sslmode=verify-full&sslmode=disable",
		"an IPv6 host without square": "postgres://u1:" + password + "@2001:db8::1/d1",
	}
	for name, raw := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := connection.Parse(credential.New(raw))
			if err == nil {
				t.Fatalf("%s was taken", raw)
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

func TestURLNeverPrints(t *testing.T) {
	t.Parallel()
	u, err := connection.Parse(credential.New("postgres://u1:" + password + "@h/d1"))
	if err != nil {
		t.Fatal(err)
	}
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
		"postgresql://u:pEXAMPLE@h/d":       "[engine]",
		"postgres://v:p2EXAMPLE@i:6432/e":   "[host port username password dbname]",
		"postgres://u:pEXAMPLE@h/d?a=b":     "[parameters]",
		"postgres://u:pEXAMPLE@h:6432/d":    "[port]",
		"postgres://u:pEXAMPLE@h/d2":        "[dbname]",
		"postgres://u:pEXAMPLE@10.0.0.1/d2": "[host dbname]",
	}
	base, err := connection.Parse(credential.New(from))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range tests {
		u, err := connection.Parse(credential.New(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(u.Differs(base)); got != want {
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

func TestARedisWithoutTLSIsRefused(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"redis://:pEXAMPLE@h:6379": "without TLS",
		"rediss://h:6379":          "no password",
		"rediss://:pEXAMPLE@":      "no host",
		"rediss://:pEXAMPLE@h:0":   "port",
		"amqps://u:pEXAMPLE@h/v":   "scheme",
	} {
		if _, err := connection.Parse(credential.New(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

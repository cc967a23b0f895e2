package connection_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

// name is that of the config var.
const name = "DATABASE_URL"

// reasons are all errors that there are. A list of whole texts is the one test
// that no part of any URL can slip through.
var reasons = []string{
	"it is empty: set the config var",
	"it is not a URL (a character of the password may need percent-encoding)",
	"its scheme redis is without TLS: it must be rediss",
	"its scheme is not postgres, postgresql or rediss",
	"it has no user name",
	"it has no password",
	"it has no host",
	"its host is not one name or address (an IPv6 address stands in square brackets)",
	"it has no database name",
	"it has bytes that are not UTF-8 text",
	"it has a control character (a percent-encoded one counts)",
	"it has a blank or a line end before or after the URL: set the config var without it",
	"it has quotes around the URL: set the config var without them",
	"its port is not between 1 and 65535",
	"it has more than one sslmode",
	"its sslmode is none that Postgres knows",
	"its query says again who or where: one of host, hostaddr, port, user, password, dbname, database, service",
	"it is not a JSON object",
	"its JSON object does not have the keys of a Postgres secret",
	"its JSON object is that of another engine than postgres or redis",
}

var urls = []string{
	"",
	" ",
	"postgres://u1:pEXAMPLE@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d1",
	"postgresql://u%40x:p%2Fa%3As%25s%20%C3%A9@h/d%2F1?sslmode=verify-full&a=%ff",
	"postgres://u1:a@b@[2001:db8::1%25en0]:5433/d1?sslmode=&&options=-c%20x#",
	"postgres://u1:pEXAMPLE@h1:1,h2:2/d1?sslmode=disable",
	"postgres://u1:pEXAMPLE@h:/d1",
	"postgres://u1:pEXAMPLE@h//d1?sslmode=require&a=\u00a0",
	"mysql://u1:pEXAMPLE\n@h:0/d1/?sslmode=pEXAMPLE",
	"rediss://:pEXAMPLE@ec2-1-2-3-4.compute-1.amazonaws.com:6380",
	"postgres://u1:pEXAMPLE@h/d1?%68ost=pEXAMPLE",
	"redis://h:pEXAMPLE@h",
	"rediss://:pEXAMPLE@h/0?sslmode=disable",
	"Postgres://u1:pEXAMPLE@h/d1?sslrootcert=system&keepalives=1&options=-c%20a%3Db",
	"rediss://:p%0d%0aEXAMPLE@h?a=%C2%85",
	"\"postgres://u1:pEXAMPLE@h/d1\"\n",
}

// FuzzParse takes any text for the value of a config var.
func FuzzParse(f *testing.F) {
	for _, seed := range urls {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := connection.Parse(credential.New(text))
		if err != nil {
			refused(t, u, err)
			return
		}
		accepted(t, u)
		unchangeable(t, u, text)
	})
}

// unchangeable fails the test unless the URL can stay as the text says it, and leads to the
// same login from both formats.
func unchangeable(t *testing.T, u connection.URL, text string) {
	t.Helper()
	same := func(v connection.URL, err error) bool {
		if err == nil {
			v, err = v.Unchanged()
		}
		return err == nil && v.Text().Reveal() == text && v.Password().Equal(u.Password()) &&
			v.Username() == u.Username() && v.Host() == u.Host() && v.Port() == u.Port() && v.Database() == u.Database() &&
			(v.SSLMode() == u.SSLMode() || v.SSLMode() == "require" && strings.Contains(text, "sslrootcert=system"))
	}
	kept, err := u.Unchanged()
	if err != nil {
		refused(t, kept, err)
		return
	}
	object, err := kept.JSON(name)
	if err != nil {
		t.Fatal(err)
	}
	if !same(u, nil) || !same(connection.Read(object, name)) || text == strings.TrimSpace(text) && !same(connection.Read(kept.Text(), name)) {
		t.Errorf("it does not stay as it is: %q", text)
	}
}

// FuzzRead takes any text for the value of a secret.
func FuzzRead(f *testing.F) {
	for _, seed := range urls {
		f.Add(seed)
		f.Add(`{"` + name + `":"` + seed + `"}`)
	}
	for _, seed := range []string{
		`{"engine":"postgres","host":"h","port":5433,"username":"u@x","password":"p/EXAMPLE","dbname":"d1"}`,
		`{"HOST":"::1","username":"u","password":"p","dbname":"/?#"}`,
		`{"engine":"mysql","host":"h","username":"u","password":"pEXAMPLE","dbname":"d1"}`,
		`{"port":65536}`,
		`{"DATABASE_URL":null,"port":"pEXAMPLE"}`,
		"[]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := connection.Read(credential.New(text), name)
		if err != nil {
			refused(t, u, err)
			return
		}
		accepted(t, u)
	})
}

func refused(t *testing.T, u connection.URL, err error) {
	t.Helper()
	if !slices.Contains(reasons, err.Error()) {
		t.Errorf("an error with a text of its own: %v", err)
	}
	if !u.Text().Empty() || u.Host() != "" {
		t.Error("a refused URL is not the zero URL")
	}
}

// accepted fails the test unless a consumer can use the URL, all clients read it the
// same way, and both formats give it back.
func accepted(t *testing.T, u connection.URL) {
	t.Helper()
	postgres := u.Engine() == connection.Postgres
	if u.Host() == "" || u.Port() == 0 || u.Password().Empty() || postgres && (u.Username() == "" || u.Database() == "") {
		t.Errorf("a part of it is missing: %q", u.Text().Reveal())
	}
	parsed, err := url.Parse(u.Text().Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(u.Text().Reveal(), parsed.Scheme+":") {
		t.Errorf("libpq does not know its scheme: %q", u.Text().Reveal())
	}
	if strings.ContainsFunc(u.Username()+u.Password().Reveal()+u.Host()+u.Database()+u.Text().Reveal(), unicode.IsControl) {
		t.Errorf("it has a control character: %q", u.Text().Reveal())
	}
	if bare := u.WithoutParameters(); bare.SSLMode() != "" && bare.SSLMode() != "require" || !same(bare, parse(t, bare.Text().Reveal())) {
		t.Errorf("without its parameters it is another one: %q", bare.Text().Reveal())
	}
	understood(t, u)
	modes := parsed.Query()["sslmode"]
	if !postgres && parsed.Scheme != "rediss" {
		t.Errorf("it speaks no TLS: %q", u.Text().Reveal())
	}
	if postgres && !slices.Equal(modes, []string{u.SSLMode()}) || postgres && !slices.Contains([]string{"require", "verify-ca", "verify-full"}, u.SSLMode()) {
		t.Errorf("a client sees sslmode %q and not %q: %q", modes, u.SSLMode(), u.Text().Reveal())
	}
	again, err := connection.Parse(u.Text())
	if err != nil || !same(u, again) {
		t.Errorf("parsed again it is another one: %q, %v", u.Text().Reveal(), err)
	}
	object, err := u.JSON(name)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := connection.Read(object, name); err != nil || !same(u, back) {
		t.Errorf("it does not come back out of %q: %v", object.Reveal(), err)
	}
	if back, err := connection.Read(u.Text(), name); err != nil || !same(trimmed(t, u), back) {
		t.Errorf("it does not come back out of %q: %v", u.Text().Reveal(), err)
	}
}

// understood fails the test unless the parameters are read, or refused with an error
// that shows no value.
func understood(t *testing.T, u connection.URL) {
	t.Helper()
	parameters, err := u.Parameters()
	var refused *connection.ParameterError
	if err != nil && (!errors.As(err, &refused) || len(parameters) > 0) {
		t.Errorf("got %v, %v", parameters, err)
	}
	for _, p := range parameters {
		if p.Name == "" || p.Name == "sslmode" || strings.ContainsFunc(p.Value, unicode.IsControl) {
			t.Errorf("got %q", p)
		}
	}
}

// trimmed is the URL without the white space that Read takes for an editor's.
func trimmed(t *testing.T, u connection.URL) connection.URL {
	t.Helper()
	return parse(t, strings.TrimSpace(u.Text().Reveal()))
}

func same(u, v connection.URL) bool {
	return u.Text().Equal(v.Text()) && u.Password().Equal(v.Password()) &&
		u.Username() == v.Username() && u.Host() == v.Host() && u.Port() == v.Port() &&
		u.Database() == v.Database() && u.SSLMode() == v.SSLMode()
}

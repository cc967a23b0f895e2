// Package connection parses the connection URL of a database as Heroku writes it, writes the
// value that a consumer finds in the secret, and reads that value back.
//
// [Parse] makes a [URL] of a config var. [URL.JSON], [URL.Text] and [With] write it in the
// three formats of a secret, and [Read] reads it back. [Members] are digests of a secret's
// value, by which two values are compared. A [Parameter] is checked by the rules of libpq.
//
// For Postgres Heroku writes postgres://USER:PASSWORD@HOST:PORT/DATABASE without a query, and
// refuses a client that does not speak TLS
// (https://devcenter.heroku.com/articles/connecting-heroku-postgres). For Key-Value Store it
// writes rediss://:PASSWORD@HOST:PORT
// (https://devcenter.heroku.com/articles/connecting-heroku-redis). A URL that leaves this
// package asks for TLS, unless the user wants it unchanged.
//
// No error of this package quotes its input: a URL that cannot be parsed may show its password
// anywhere.
package connection

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"keepcurrent.example/internal/credential"
)

// Engine is the kind of server that a URL leads to.
type Engine string

const (
	Postgres Engine = "postgres" // postgres:// and postgresql://
	Redis    Engine = "redis"    // rediss://, also that of a Valkey
)

// engines are the schemes that are understood. There is no redis:// among them: it
// speaks no TLS.
var engines = map[string]Engine{"postgres": Postgres, "postgresql": Postgres, "rediss": Redis}

// URL is a connection URL that asks for TLS: that of a Postgres has an sslmode of
// at least require, unless it is [URL.Unchanged]. Make one with [Parse]; the zero value
// connects to nothing.
type URL struct {
	given    credential.Value
	text     credential.Value
	engine   Engine
	password credential.Value
	username string
	host     string
	port     uint16
	database string
	sslmode  string
}

// defaultPorts are where a server listens if the URL does not say.
var defaultPorts = map[Engine]uint16{Postgres: 5432, Redis: 6379}

// Parse reads a URL as Heroku writes it. If the sslmode of a Postgres is absent or
// weaker than require, it becomes require. A scheme in capitals, which libpq does not
// know, becomes lower-case. All other parameters stay as they are. Parse fails if a
// consumer could not use the URL; the error says why and shows no part of it.
func Parse(text credential.Value) (URL, error) {
	parsed, err := complete(text.Reveal())
	if err != nil {
		return URL{}, err
	}
	given := text
	if _, rest, _ := strings.Cut(text.Reveal(), ":"); parsed.Scheme+":"+rest != text.Reveal() {
		text = credential.New(parsed.Scheme + ":" + rest) // package url has made it small
	}
	port, err := portOf(parsed)
	if err != nil {
		return URL{}, err
	}
	password, _ := parsed.User.Password()
	u := URL{
		given:    given,
		text:     text,
		engine:   engines[parsed.Scheme],
		password: credential.New(password),
		username: parsed.User.Username(),
		host:     parsed.Hostname(),
		port:     port,
		database: strings.TrimPrefix(parsed.Path, "/"),
	}
	if u.engine == Postgres {
		return u.secured()
	}
	return u, nil
}

// complete parses a URL that has all the parts that a consumer needs.
func complete(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, errors.New("it is empty: set the config var")
	}
	if err := wrapped(raw); err != nil {
		return nil, err
	}
	if !isText(raw) {
		return nil, errNotText
	}
	if hasControl(raw) {
		return nil, errControl
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || ambiguous(raw) {
		return nil, errors.New("it is not a URL (a character of the password may need percent-encoding)")
	}
	return u, missing(u)
}

// wrapped returns an error if a blank, a line end or quotes surround the URL: they were
// copied with it. Its parameters may have been added behind the blank.
func wrapped(raw string) error {
	trimmed := strings.TrimSpace(raw)
	bare, _, _ := strings.Cut(raw, "?")
	switch {
	case trimmed == "":
		return nil
	case trimmed != raw, strings.TrimSpace(bare) != bare:
		return errors.New("it has a blank or a line end before or after the URL: set the config var without it")
	case raw[0] == '"', raw[0] == '\'', raw[0] == '`':
		return errors.New("it has quotes around the URL: set the config var without them")
	}
	return nil
}

// ambiguous reports whether Go and other clients could split the URL at different
// places: libpq ends the password at the first "@", Go at the last, and only Go knows a
// fragment. The login check must verify what a consumer will use.
func ambiguous(raw string) bool {
	before, _, _ := strings.Cut(raw, "?")
	_, after, _ := strings.Cut(before, "://")
	return strings.Contains(raw, "#") || strings.Count(after, "@") > 1 || strings.Count(after, "/") > 1
}

// missing returns an error that names the first part that a consumer needs and the URL
// lacks.
func missing(u *url.URL) error {
	password, _ := u.User.Password()
	switch {
	case u.Scheme == "redis":
		return errors.New("its scheme redis is without TLS: it must be rediss")
	case engines[u.Scheme] == "":
		return errors.New("its scheme is not postgres, postgresql or rediss")
	case engines[u.Scheme] == Postgres && u.User.Username() == "":
		return errors.New("it has no user name")
	case password == "":
		return errors.New("it has no password")
	case u.Hostname() == "":
		return errors.New("it has no host")
	case strings.Contains(u.Host, ","), strings.Contains(u.Hostname(), ":") && u.Host[0] != '[':
		return errors.New("its host is not one name or address (an IPv6 address stands in square brackets)")
	case engines[u.Scheme] == Postgres && strings.TrimPrefix(u.Path, "/") == "":
		return errors.New("it has no database name")
	case !isText(u.User.Username()) || !isText(password) || !isText(u.Host) || !isText(u.Path):
		return errNotText
	case hasControl(u.User.Username() + password + u.Host + u.Path + lenient(u.RawQuery)):
		return errControl
	}
	return nil
}

var errNotText = errors.New("it has bytes that are not UTF-8 text")

// isText reports whether JSON and a Postgres start-up message can carry s unchanged.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

func portOf(u *url.URL) (uint16, error) {
	if u.Port() == "" {
		return defaultPorts[engines[u.Scheme]], nil
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 {
		return 0, errors.New("its port is not between 1 and 65535")
	}
	return uint16(port), nil
}

// overrides are the parameters that libpq or pgx takes for the server, the user or the
// database in place of what stands before the query. The login check and a consumer
// might not mean the same ones.
var overrides = []string{"host", "hostaddr", "port", "user", "password", "dbname", "database", "service"}

// secured returns the URL of a Postgres with an sslmode of at least require.
func (u URL) secured() (URL, error) {
	before, query, _ := strings.Cut(u.text.Reveal(), "?")
	sslmode, _, others, err := parameters(query)
	if err != nil {
		return URL{}, err
	}
	// https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS
	switch sslmode {
	case "require", "verify-ca", "verify-full":
		u.sslmode = sslmode
	case "", "disable", "allow", "prefer":
		u.sslmode = "require"
		if slices.Contains(others, "sslrootcert=system") { // libpq takes it with nothing less
			u.sslmode = "verify-full"
		}
		u.text = credential.New(before + "?" + strings.Join(append(others, "sslmode="+u.sslmode), "&"))
	default:
		return URL{}, errSSLMode
	}
	return u, nil
}

var errSSLMode = errors.New("its sslmode is none that Postgres knows")

// parameters splits a query into its sslmode, if one is named, and the others as they
// are spelt. It does not use url.Values, which would sort and re-encode them.
func parameters(query string) (sslmode string, named bool, others []string, err error) {
	for parameter := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(parameter, "=")
		if decoded, err := url.PathUnescape(key); err == nil {
			key = decoded // a client reads %73slmode as sslmode
		}
		switch {
		case key == "sslmode" && named:
			return "", named, nil, errors.New("it has more than one sslmode")
		case key == "sslmode":
			sslmode, named = value, true
		case slices.Contains(overrides, key):
			return "", named, nil, errors.New("its query says again who or where: one of " + strings.Join(overrides, ", "))
		case parameter != "":
			others = append(others, parameter)
		}
	}
	return sslmode, named, others, nil
}

// Unchanged returns the URL as it was given to [Parse], byte for byte. A login uses
// [URL.SSLMode] all the same, which stays at least require. Unchanged fails if the URL
// has an empty sslmode, which libpq does not take.
func (u URL) Unchanged() (URL, error) {
	u.text = u.given
	if u.engine != Postgres {
		return u, nil
	}
	sslmode, named, _, err := parameters(u.query())
	switch {
	case err != nil:
		return URL{}, err
	case named && sslmode == "":
		return URL{}, errSSLMode
	case named && !strings.HasPrefix(sslmode, "verify-"):
		u.sslmode = "require" // and not what Parse wrote for sslrootcert=system
	}
	return u, nil
}

// Engine returns the kind of server.
func (u URL) Engine() Engine { return u.engine }

// Spelt returns the URL of a Postgres with another scheme: postgres and postgresql
// mean the same, but some clients know only one
// (https://docs.sqlalchemy.org/en/20/changelog/changelog_14.html#change-1.4.0b1). It fails
// for the URL of another engine.
func (u URL) Spelt(scheme string) (URL, error) {
	if u.engine != Postgres {
		return URL{}, errors.New("only the URL of a Postgres can be spelt with another scheme")
	}
	_, rest, _ := strings.Cut(u.text.Reveal(), "://")
	u.text = credential.New(scheme + "://" + rest)
	return u, nil
}

// WithoutParameters returns the URL without its query; that of a Postgres has
// sslmode=require.
func (u URL) WithoutParameters() URL {
	before, _, _ := strings.Cut(u.text.Reveal(), "?")
	if u.sslmode != "" {
		u.sslmode = "require"
		before += "?sslmode=require"
	}
	u.text = credential.New(before)
	return u
}

// Text returns the whole URL, as a consumer finds it in the secret.
func (u URL) Text() credential.Value { return u.text }

// Username returns the decoded user name; that of a Redis may be empty.
func (u URL) Username() string { return u.username }

// Password returns the decoded password.
func (u URL) Password() credential.Value { return u.password }

// Host returns the host name or address, an IPv6 one without its brackets.
func (u URL) Host() string { return u.host }

// Port returns the TCP port, the engine's own if the URL names none.
func (u URL) Port() uint16 { return u.port }

// Database returns the decoded database name; that of a Redis may be empty.
func (u URL) Database() string { return u.database }

// SSLMode returns require, verify-ca or verify-full, "" for what is no Postgres.
func (u URL) SSLMode() string { return u.sslmode }

// String redacts: even the user name is half of a credential.
func (u URL) String() string { return credential.Redacted }

// GoString redacts.
func (u URL) GoString() string { return credential.Redacted }

// Format redacts for every verb.
func (u URL) Format(f fmt.State, verb rune) { u.text.Format(f, verb) }

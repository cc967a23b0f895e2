package consumer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// credential is a version of the secret. Its parts are behind a func: fmt, and code that
// walks through values by reflection, can show only the func's address.
type credential struct {
	version string
	open    func() *pgx.ConnConfig
}

func (c *credential) same(other *credential) bool {
	return other != nil && c.open().ConnString() == other.open().ConnString()
}

// apply sets the server, the user and the protocol's parameters in a config, and leaves
// everything else as it is. pgx needs host, port, TLS and fallbacks to change together,
// because the TLS config names the host.
func (c *credential) apply(to *pgx.ConnConfig) {
	from := c.open()
	to.Host, to.Port, to.TLSConfig, to.Fallbacks = from.Host, from.Port, from.TLSConfig, from.Fallbacks
	to.Database, to.User, to.Password = from.Database, from.User, from.Password
	to.SSLNegotiation, to.SSLCertMode = from.SSLNegotiation, from.SSLCertMode
	to.ChannelBinding, to.RequireAuth = from.ChannelBinding, from.RequireAuth
	if from.ConnectTimeout > 0 {
		to.ConnectTimeout = from.ConnectTimeout
	}
	if to.ValidateConnect == nil { // target_session_attrs
		to.ValidateConnect = from.ValidateConnect
	}
	for name, value := range from.RuntimeParams {
		if _, set := to.RuntimeParams[name]; !set {
			to.RuntimeParams[name] = value
		}
	}
}

// parse reads a secret's value: the URL under a key, or without a key a connection URL, an
// object with one under any key, or an object with only the keys of AWS's own tools. The
// error has a kind and a cause, and quotes nothing of the value but names of keys.
func parse(value, key string) (*pgx.ConnConfig, *Error) {
	text, kind, cause := strings.TrimSpace(value), ErrFormat, error(nil)
	switch {
	case key != "":
		kind = ErrKey
		text, cause = member(text, key)
	case strings.HasPrefix(text, "{"):
		text, cause = urlOf(text)
	}
	if cause != nil {
		return nil, &Error{Kind: kind, Err: cause}
	}
	config, wrong := configOf(text)
	switch {
	case config != nil:
		return config, nil
	case wrong != nil:
		kind, cause = ErrSettings, wrong
	case key != "":
		cause = fmt.Errorf("the secret has no Postgres URL under the key %s", quoted(key))
	}
	return nil, &Error{Kind: kind, Err: cause}
}

// configOf returns the config for a Postgres URL, nil if the text is none. If the text may be
// one, and a setting or a file of this machine keeps pgx from taking it, the error says so.
func configOf(text string) (*pgx.ConnConfig, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !isPostgres(text) || isSplit(text, u) {
		return nil, nil
	}
	// Without an sslmode pgx uses prefer, and connects without TLS to a server that has
	// none.
	if query := u.Query(); !query.Has("sslmode") {
		separator := "?"
		if u.RawQuery != "" {
			separator = "&"
		}
		text = strings.TrimSuffix(text, "?") + separator + "sslmode=require"
	}
	config, err := pgxpool.ParseConfig(text) // it takes out the parameters that are for a pool
	if err != nil {
		return nil, cmp.Or(unsuited(), unfitting(u, err))
	}
	// pgx would send them, and the server refuse them.
	maps.DeleteFunc(config.ConnConfig.RuntimeParams, isLibpqs)
	return config.ConnConfig, nil
}

// isSplit reports whether a character of the password that is not encoded ends the user and
// the password too early: pgx would take a part of them for the host, ask DNS for it, and
// show it.
func isSplit(text string, u *url.URL) bool {
	before, _, _ := strings.Cut(text, "?")
	return u.User == nil && strings.Contains(text, "@") || strings.Count(before, "@") > 1
}

func isPostgres(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// urlOf returns the URL in a JSON object, which has parameters that the keys lack, or
// builds one from the keys. If there are two URLs, a person has added one, and only the
// keys are certain. The error says that there are two; other faults give "".
func urlOf(object string) (string, error) {
	members, ok := membersOf(object)
	if !ok {
		return "", nil
	}
	var urls []string
	for key, raw := range members {
		if isPostgres(textOf(raw)) {
			urls = append(urls, key)
		}
	}
	if len(urls) == 1 {
		return textOf(members[urls[0]]), nil
	}
	if text := urlOfParts(members); text != "" || len(urls) == 0 {
		return text, nil
	}
	return "", fmt.Errorf("several keys hold one: %s; choose with Source.Key", list(urls))
}

// engines are the names of Postgres in a secret; a person may have left the name out.
var engines = []string{"", "postgres", "postgresql", "aurora-postgresql"}

// port is a number, which some tools write as a text.
type port uint16

func (p *port) UnmarshalJSON(raw []byte) error {
	text := string(raw)
	switch text {
	case `null`, `0`, `""`: // it stays the default one
		return nil
	}
	if raw[0] == '"' {
		text = textOf(raw)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 || strconv.FormatUint(number, 10) != text {
		return strconv.ErrSyntax
	}
	*p = port(number)
	return nil
}

// urlOfParts builds a URL from the keys of AWS's own tools, "" if they are not there
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html).
// encoding/json would take HOST for host as well.
func urlOfParts(members map[string]json.RawMessage) string {
	var engine, host, username, password, database string
	number := port(5432)
	for key, to := range map[string]any{
		"engine": &engine, "host": &host, "port": &number, "username": &username, "password": &password, "dbname": &database,
	} {
		if raw, there := members[key]; there && json.Unmarshal(raw, to) != nil {
			return ""
		}
	}
	if host == "" || !slices.Contains(engines, engine) {
		return ""
	}
	u := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(username, password),
		Host:   net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(int(number))),
		Path:   "/" + database,
	}
	u.RawPath = strings.ReplaceAll(u.EscapedPath(), "@", "%40") // which it need not, but see isSplit
	return u.String()
}

package consumer

import (
	"cmp"
	"encoding/json"
	"errors"
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
	order   int // of the reads; a newer one has a higher number
	open    func() *pgx.ConnConfig
}

func (c *credential) same(other *credential) bool {
	return other != nil && c.open().ConnString() == other.open().ConnString()
}

// apply sets in a config what the secret's URL says. What the caller has set stays, except
// for the server and the user. pgx needs host, port, TLS and fallbacks to change together,
// because the TLS config names the host.
func (c *credential) apply(to *pgx.ConnConfig) {
	from := c.open()
	to.Host, to.Port, to.TLSConfig, to.Fallbacks = from.Host, from.Port, from.TLSConfig, from.Fallbacks
	to.Database, to.User, to.Password = from.Database, from.User, from.Password
	to.SSLNegotiation, to.SSLCertMode = from.SSLNegotiation, from.SSLCertMode
	to.ChannelBinding, to.RequireAuth = from.ChannelBinding, from.RequireAuth
	to.ConnectTimeout = cmp.Or(to.ConnectTimeout, from.ConnectTimeout)
	to.MinProtocolVersion = cmp.Or(to.MinProtocolVersion, from.MinProtocolVersion)
	to.MaxProtocolVersion = cmp.Or(to.MaxProtocolVersion, from.MaxProtocolVersion)
	to.KerberosSrvName = cmp.Or(to.KerberosSrvName, from.KerberosSrvName)
	to.KerberosSpn = cmp.Or(to.KerberosSpn, from.KerberosSpn)
	if to.ValidateConnect == nil { // target_session_attrs
		to.ValidateConnect = from.ValidateConnect
	}
	if to.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		to.DefaultQueryExecMode = from.DefaultQueryExecMode
	}
	if to.StatementCacheCapacity == pgxCapacity {
		to.StatementCacheCapacity = from.StatementCacheCapacity
	}
	if to.DescriptionCacheCapacity == pgxCapacity {
		to.DescriptionCacheCapacity = from.DescriptionCacheCapacity
	}
	for name, value := range from.RuntimeParams {
		if _, set := to.RuntimeParams[name]; !set {
			to.RuntimeParams[name] = value
		}
	}
}

// pgxCapacity is pgx's default for its caches.
const pgxCapacity = 512

// unset removes from the config of a placeholder what the environment says: a secret's config
// has it too, where the URL says nothing else. What is set later is the caller's.
func unset(config *pgx.ConnConfig) {
	config.ValidateConnect, config.ConnectTimeout = nil, 0
	config.MinProtocolVersion, config.MaxProtocolVersion = "", ""
	config.KerberosSrvName, config.KerberosSpn = "", ""
	config.RuntimeParams = make(map[string]string)
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
	case wrong == errSplit:
		cause = wrong
	case wrong != nil:
		kind, cause = ErrSettings, wrong
	case key != "":
		cause = fmt.Errorf("the secret has no Postgres URL under the key %s", quoted(key))
	}
	return nil, &Error{Kind: kind, Err: cause}
}

// configOf returns the config for a Postgres URL, nil if the text is none. If the text may be
// one, the error is errSplit, or says which setting or file of this machine keeps pgx from
// taking it.
func configOf(text string) (*pgx.ConnConfig, error) {
	switch {
	case !isPostgres(text):
		return nil, nil
	case isSplit(text):
		return nil, errSplit
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
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

var errSplit = errors.New("the secret's Postgres URL is ambiguous: percent-encode each / ? # @ in its user name, password and database name")

// isSplit reports whether a / ? # @ that is not encoded may end the password too early. pgx
// would take a part of it for the host, ask DNS for it, and show it. An @ in the value of a
// parameter does no harm.
func isSplit(text string) bool {
	_, text, _ = strings.Cut(text, "://")
	user, rest, found := strings.Cut(text, "@")
	before, _, again := strings.Cut(rest, "@")
	inParameter := strings.Contains(before, "?") && strings.Contains(before, "=")
	return found && strings.ContainsAny(user, "/?#") || again && !inParameter
}

func isPostgres(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// urlOf returns the URL in a JSON object, which has parameters that the keys lack, or
// builds one from the keys. If there are two URLs, a person has added one, and only the
// keys are certain. The error says that there are two; other faults give "".
func urlOf(object string) (string, error) {
	members, _ := membersOf(object) // none, if it is not an object
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

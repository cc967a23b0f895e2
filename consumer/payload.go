package consumer

import (
	"encoding/json"
	"maps"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// credential is a version of the secret. What it holds sits behind a func,
// of which fmt and whatever walks through values can show only the address.
type credential struct {
	version string
	open    func() *pgx.ConnConfig
}

func (c *credential) same(other *credential) bool {
	return other != nil && c.open().ConnString() == other.open().ConnString()
}

// apply puts the server, the user and how to speak to them into a config, and
// leaves everything else there as it is. pgx wants host, port, TLS and
// fallbacks to change together, for TLS knows the host.
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

// parse reads a secret's value: a connection URL, or an object with one under
// any key, or an object with the keys of AWS's own tools alone. An error would
// have to quote what cannot be parsed, so there is none.
func parse(value string) (*pgx.ConnConfig, bool) {
	text := strings.TrimSpace(value)
	if strings.HasPrefix(text, "{") {
		text = urlOf(text)
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !isPostgres(text) {
		return nil, false
	}
	// Where the URL does not say, pgx would take prefer, and speak without TLS
	// to a server that has none.
	if query := u.Query(); !query.Has("sslmode") {
		separator := "?"
		if u.RawQuery != "" {
			separator = "&"
		}
		text = strings.TrimSuffix(text, "?") + separator + "sslmode=require"
	}
	config, err := pgxpool.ParseConfig(text) // it takes out the parameters that are for a pool
	if err != nil {
		return nil, false
	}
	// pgx would send them, and the server refuse them.
	maps.DeleteFunc(config.ConnConfig.RuntimeParams, isLibpqs)
	return config.ConnConfig, true
}

func isPostgres(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// urlOf returns the URL in a JSON object, which is whole and has parameters that
// the keys lack, or makes one of the keys. A second URL there is somebody's own;
// then only the keys are sure.
func urlOf(object string) string {
	var values map[string]any
	if json.Unmarshal([]byte(object), &values) != nil {
		return ""
	}
	var urls []string
	for _, value := range values {
		if text, ok := value.(string); ok && isPostgres(text) {
			urls = append(urls, text)
		}
	}
	if len(urls) == 1 {
		return urls[0]
	}
	// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
	var keys struct {
		Engine, Host, Username, Password, DBName string
		Port                                     uint16
	}
	if json.Unmarshal([]byte(object), &keys) != nil || keys.Host == "" || keys.Engine != "" && keys.Engine != "postgres" {
		return ""
	}
	if keys.Port == 0 {
		keys.Port = 5432
	}
	return (&url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(keys.Username, keys.Password),
		Host:   net.JoinHostPort(keys.Host, strconv.Itoa(int(keys.Port))),
		Path:   "/" + keys.DBName,
	}).String()
}

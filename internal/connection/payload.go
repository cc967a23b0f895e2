package connection

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"keepcurrent.example/internal/credential"
)

// parts is the structure that AWS's own tools read in the secret of a Postgres
// database. The keys are case-sensitive, the port is a number:
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
type parts struct {
	engine, host, username, password, database string
	port                                       port
}

// partsOf reads AWS's keys. encoding/json would take HOST for host as well.
func partsOf(object map[string]json.RawMessage) (p parts, err error) {
	for key, to := range map[string]any{
		"engine": &p.engine, "host": &p.host, "port": &p.port, "username": &p.username, "password": &p.password, "dbname": &p.database,
	} {
		if raw, there := object[key]; there && json.Unmarshal(raw, to) != nil {
			return parts{}, errors.New("its JSON object does not have the keys of a Postgres secret")
		}
	}
	p.host = strings.Trim(p.host, "[]")
	return p, nil
}

// port is a number, which some tools write as a text; 0 is the engine's own.
type port uint16

func (p *port) UnmarshalJSON(raw []byte) error {
	text := string(raw)
	switch text {
	case `null`, `0`, `""`:
		return nil
	}
	if raw[0] == '"' {
		_ = json.Unmarshal(raw, &text) // it is a JSON text
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 || strconv.FormatUint(number, 10) != text {
		return strconv.ErrSyntax
	}
	*p = port(number)
	return nil
}

// keys are those of parts.
var keys = []string{"engine", "host", "port", "username", "password", "dbname"}

// Parts returns the keys that AWS's own tools read in a secret: engine, host, port, username,
// password and dbname.
func Parts() []string { return slices.Clone(keys) }

// IsPart reports whether a name is one of [Parts].
func IsPart(name string) bool { return slices.Contains(keys, name) }

// optional are the keys that the secret of a Redis may lack.
var optional = []string{"username", "dbname"}

// JSON returns the object of AWS's keys with the whole URL beside them under
// name. The same URL always gives the same bytes.
// It fails if name is one of AWS's keys.
func (u URL) JSON(name string) (credential.Value, error) {
	object := map[string]any{
		"engine":   string(u.engine),
		"host":     u.host,
		"port":     u.port,
		"username": u.username,
		"password": u.password.Reveal(),
		"dbname":   u.database,
	}
	if IsPart(name) {
		return credential.Value{}, errors.New("the config var's name is a key of the JSON format: use heroku:key or heroku:format=url")
	}
	for _, key := range optional {
		if object[key] == "" {
			delete(object, key)
		}
	}
	object[name] = u.text.Reveal()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false) // a person reads the "&" of a query
	if err := encoder.Encode(object); err != nil {
		return credential.Value{}, errors.New("the connection URL cannot be written as JSON")
	}
	return credential.New(strings.TrimSuffix(out.String(), "\n")), nil
}

// Read returns the URL that a secret's value holds: the URL alone, or an object
// with the whole URL under name, or one with AWS's keys only, such as a person
// or a rotation of AWS's would have written it.
func Read(value credential.Value, name string) (URL, error) {
	text := strings.TrimSpace(value.Reveal())
	if !strings.HasPrefix(text, "{") {
		return Parse(credential.New(text))
	}
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &object) != nil {
		return URL{}, errors.New("it is not a JSON object")
	}
	var whole string
	if json.Unmarshal(object[name], &whole) == nil {
		return Parse(credential.New(whole))
	}
	p, err := partsOf(object)
	if err != nil {
		return URL{}, err
	}
	scheme, known := schemes[p.engine]
	if !known {
		return URL{}, errors.New("its JSON object is that of another engine than postgres or redis")
	}
	return Parse(p.url(scheme))
}

// HasOtherKeys reports whether a secret's value is an object with keys that [URL.JSON]
// does not write for this name: publishing would remove them.
func HasOtherKeys(value credential.Value, name string) bool {
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(value.Reveal()), &object) != nil {
		return false
	}
	for _, ours := range append([]string{name}, keys...) {
		delete(object, ours)
	}
	return len(object) > 0
}

// schemes are those of the engines as they are named in a secret; a person may have
// left the name out.
var schemes = map[string]string{
	"":                  "postgres",
	"postgres":          "postgres",
	"postgresql":        "postgres",
	"aurora-postgresql": "postgres",
	"redis":             "rediss",
}

func (p parts) url(scheme string) credential.Value {
	if p.port == 0 {
		p.port = port(defaultPorts[engines[scheme]])
	}
	u := url.URL{
		Scheme: scheme,
		User:   url.UserPassword(p.username, p.password),
		Host:   net.JoinHostPort(p.host, strconv.Itoa(int(p.port))),
		Path:   "/" + p.database,
	}
	return credential.New(u.String())
}

// Differs names the parts in which the URL differs from another: scheme, host,
// port, username, password, dbname, parameters. It names them and shows none.
func (u URL) Differs(from URL) []string {
	var parts []string
	for _, part := range []struct {
		name string
		same bool
	}{
		{"scheme", u.scheme() == from.scheme()},
		{"host", u.host == from.host},
		{"port", u.port == from.port},
		{"username", u.username == from.username},
		{"password", u.password.Equal(from.password)},
		{"dbname", u.database == from.database},
		{"parameters", u.query() == from.query()},
	} {
		if !part.same {
			parts = append(parts, part.name)
		}
	}
	return parts
}

func (u URL) scheme() string {
	scheme, _, _ := strings.Cut(u.text.Reveal(), ":")
	return scheme
}

func (u URL) query() string {
	_, query, _ := strings.Cut(u.text.Reveal(), "?")
	return query
}

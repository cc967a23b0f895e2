package connection

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Parameter is one parameter in the query of a Postgres URL, decoded.
type Parameter struct{ Name, Value string }

// ParameterError says that no client can log in with a URL because of these parameters.
// It names them and shows no value.
type ParameterError struct {
	Names  []string
	Reason string
}

func (e *ParameterError) Error() string {
	if len(e.Names) == 1 {
		return fmt.Sprintf("the URL's parameter %s %s", e.Names[0], e.Reason)
	}
	return fmt.Sprintf("one of the URL's parameters %s %s", strings.Join(e.Names, ", "), e.Reason)
}

// Parameters returns the parameters of a Postgres URL but sslmode. It reads them as
// libpq does
// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS),
// and returns a *[ParameterError] where libpq understands none, or where two clients
// may understand two things.
func (u URL) Parameters() ([]Parameter, error) {
	var all []Parameter
	for parameter := range strings.SplitSeq(u.query(), "&") {
		if parameter == "" {
			continue
		}
		p, err := decode(parameter)
		if err != nil {
			return nil, err
		}
		if p.Name == "sslmode" {
			continue
		}
		if slices.ContainsFunc(all, func(other Parameter) bool { return other.Name == p.Name }) {
			return nil, &ParameterError{[]string{p.Name}, "is given twice"}
		}
		all = append(all, p)
	}
	return all, nil
}

// decode splits and decodes one parameter as libpq does: libpq requires exactly one "=",
// does not read "+" as a blank, and refuses a blank that is not percent-encoded.
func decode(parameter string) (Parameter, error) {
	key, value, _ := strings.Cut(parameter, "=")
	name, err := url.PathUnescape(key)
	if err != nil || !isWord(name) {
		return Parameter{}, &ParameterError{[]string{"(one whose name is no word)"}, "is none that a client knows"}
	}
	if strings.Count(parameter, "=") != 1 {
		return Parameter{}, &ParameterError{[]string{name}, `needs exactly one "=" (in a value it is %3D)`}
	}
	decoded, err := url.PathUnescape(value)
	if err != nil || strings.Contains(value, " ") {
		return Parameter{}, &ParameterError{[]string{name}, "has a value that is not percent-encoded"}
	}
	return Parameter{name, decoded}, nil
}

// isWord reports whether a text has the form of a parameter's name, so that an error
// may show it. A dot is in the name of an extension's setting.
func isWord(text string) bool { return word.MatchString(text) }

var word = regexp.MustCompile(`^[A-Za-z0-9_.]{1,63}$`)

// Handler says which program handles a parameter.
type Handler int

const (
	Server Handler = iota // every client sends it, and the server decides
	Client                // pgx and libpq handle it; it is not sent
	Libpq                 // libpq handles it; pgx does not know it, and would send it
)

// Handler returns which program handles the parameter.
func (p Parameter) Handler() Handler {
	if _, known := libpqs[p.Name]; known || p == (Parameter{"client_encoding", "auto"}) {
		return Libpq
	}
	if slices.Contains(clients, p.Name) {
		return Client
	}
	return Server
}

// LibpqParameters returns the names of the parameters that libpq handles.
func LibpqParameters() []string { return slices.Sorted(maps.Keys(libpqs)) }

// Check returns a *[ParameterError] if libpq handles the parameter and refuses its
// value.
func (p Parameter) Check() error {
	if valid := libpqs[p.Name]; valid != nil && !valid(p.Value) {
		return &ParameterError{[]string{p.Name}, "has a value that no client takes for it"}
	}
	return nil
}

// clients are the parameters that pgx does not send: those that pgconn, pgx and
// pgxpool take out of a URL, as pgx 5.13 does (pgconn/config.go, conn.go,
// pgxpool/pool.go).
var clients = []string{
	"channel_binding", "connect_timeout", "krbspn", "krbsrvname", "max_protocol_version", "min_protocol_version", "passfile",
	"require_auth", "servicefile", "sslcert", "sslcertmode", "sslkey", "sslnegotiation", "sslpassword", "sslrootcert", "sslsni",
	"target_session_attrs",
	"default_query_exec_mode", "description_cache_capacity", "statement_cache_capacity",
	"pool_health_check_period", "pool_max_conn_idle_time", "pool_max_conn_lifetime", "pool_max_conn_lifetime_jitter",
	"pool_max_conns", "pool_min_conns", "pool_min_idle_conns", "pool_ping_timeout",
}

// libpqs are the parameters that libpq handles and pgx does not know, with the values
// that libpq accepts; nil is any
// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS).
var libpqs = map[string]func(value string) bool{
	"fallback_application_name": nil,
	"gssdelegation":             oneOf("0", "1"),
	"gssencmode":                oneOf("disable", "prefer"), // require is a login without a password
	"gsslib":                    nil,
	"keepalives":                isInteger,
	"keepalives_count":          isInteger,
	"keepalives_idle":           isInteger,
	"keepalives_interval":       isInteger,
	"load_balance_hosts":        oneOf("disable", "random"),
	"oauth_client_id":           nil,
	"oauth_client_secret":       nil,
	"oauth_issuer":              nil,
	"oauth_scope":               nil,
	"requirepeer":               nil,
	"requiressl":                oneOf("1"), // 0 is sslmode=prefer
	"scram_client_key":          oneOf(),    // it is a credential in place of the password
	"scram_server_key":          oneOf(),
	"ssl_max_protocol_version":  isTLSVersion,
	"ssl_min_protocol_version":  isTLSVersion,
	"sslcompression":            oneOf("0", "1"),
	"sslcrl":                    nil,
	"sslcrldir":                 nil,
	"sslkeylogfile":             nil,
	"tcp_user_timeout":          isInteger,
}

var isTLSVersion = oneOf("", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")

func oneOf(options ...string) func(string) bool {
	return func(value string) bool { return slices.Contains(options, value) }
}

func isInteger(value string) bool {
	_, err := strconv.ParseInt(value, 10, 32)
	return err == nil
}

var errControl = errors.New("it has a control character (a percent-encoded one counts)")

// hasControl reports whether a text has a control character. Some services end a line
// at one and run what follows as a command of their protocol.
func hasControl(text string) bool { return strings.ContainsFunc(text, unicode.IsControl) }

// lenient decodes what is percent-encoded, and leaves a bad encoding as it is.
func lenient(text string) string {
	var decoded strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if c, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				decoded.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		decoded.WriteByte(text[i])
	}
	return decoded.String()
}

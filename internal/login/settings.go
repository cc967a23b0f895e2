package login

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/reconcile"
)

// settings are what the parameters of a Postgres URL ask for.
type settings struct {
	sent   map[string]string      // to the server
	client []connection.Parameter // pgx deals with them
	config *pgconn.Config
}

// fromHere are the parameters that are judged here: they name files that only the
// program has, or are of no matter to one login.
var fromHere = []string{
	"krbspn", "krbsrvname", "passfile", "servicefile", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslsni",
	"default_query_exec_mode", "description_cache_capacity", "statement_cache_capacity",
}

// maxStartup is the size of the largest start-up message that a Postgres takes
// (MAX_STARTUP_PACKET_LENGTH in src/include/libpq/pqcomm.h).
const maxStartup = 10000

// read sorts the URL's parameters. Its error is a *[connection.ParameterError] if no
// server needs to be asked to know that no client logs in with them.
func read(url connection.URL) (settings, error) {
	s := settings{sent: map[string]string{"application_name": "keepcurrent"}}
	parameters, err := url.Parameters()
	if err != nil {
		return s, err
	}
	for _, p := range parameters {
		if err := p.Check(); err != nil {
			return s, err
		}
		switch p.Handler() {
		case connection.Client:
			s.client = append(s.client, p)
		case connection.Server:
			s.sent[p.Name] = p.Value
		}
	}
	if s.size(url) > maxStartup {
		return s, &connection.ParameterError{Names: s.names(), Reason: fmt.Sprintf("is too long: a server takes %d bytes in all", maxStartup)}
	}
	return s, s.judge(url)
}

// size is that of the start-up message, to which pgx adds user and database.
func (s settings) size(url connection.URL) int {
	size := len("LENGVERSuser..database...") + len(url.Username()) + len(url.Database())
	for name, value := range s.sent {
		size += len(name) + len(value) + 2
	}
	return size
}

// judge finds what libpq refuses by itself.
func (s settings) judge(url connection.URL) error {
	strong := url.SSLMode() != "require"
	for _, rule := range []struct {
		name  string
		wrong bool
	}{
		{"ssl", strong && s.sent["ssl"] == "true"}, // libpq reads it as sslmode=require
		{"sslrootcert", !strong && s.get("sslrootcert") == "system"},
		{"sslsni", !slices.Contains([]string{"", "0", "1"}, s.get("sslsni"))},
		{"sslnegotiation", !slices.Contains([]string{"", "postgres", "direct"}, s.get("sslnegotiation"))},
	} {
		if rule.wrong {
			return &connection.ParameterError{Names: []string{rule.name}, Reason: "has a value that libpq does not take, or not beside this sslmode"}
		}
	}
	if s.sent["ssl"] == "true" {
		delete(s.sent, "ssl")
	}
	return nil
}

// get returns the value of a parameter that pgx deals with, "" if there is none.
func (s settings) get(name string) string {
	for _, p := range s.client {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// names are those of the parameters that are sent for the URL, in order.
func (s settings) names() []string {
	var names []string
	for name, value := range s.sent {
		if name != "application_name" || value != "keepcurrent" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// configure gives pgx's parser only what is no credential: its errors quote their
// input, so none is ever shown.
func (s *settings) configure(url connection.URL, trusted *tls.Config) error {
	var given []connection.Parameter
	for _, p := range s.client {
		if !slices.Contains(fromHere, p.Name) && !strings.HasPrefix(p.Name, "pool_") {
			given = append(given, p)
		}
	}
	config, err := parse(url, given)
	if err != nil {
		return blame(url, given)
	}
	config.User, config.Password = url.Username(), url.Password().Reveal()
	config.RuntimeParams = s.sent
	config.ConnectTimeout = 0 // Timeout is shorter, or the context
	config.RequireAuth, err = withoutClearText(config.RequireAuth)
	if err != nil {
		return err
	}
	trusted.NextProtos = config.TLSConfig.NextProtos
	if s.get("sslsni") == "0" {
		trusted.ServerName = ""
	}
	config.TLSConfig = trusted
	s.config = config
	return nil
}

func parse(url connection.URL, parameters []connection.Parameter) (*pgconn.Config, error) {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace
	text := fmt.Sprintf("host='%s' port=%d dbname='%s' ", quote(url.Host()), url.Port(), quote(url.Database())) +
		// Named, so that no PG* variable or file in a home directory decides them.
		"user='x' password='x' passfile='' sslmode=require sslrootcert='' sslcert='' sslkey='' sslcertmode=allow sslnegotiation=postgres sslsni=1 " +
		"target_session_attrs=any channel_binding=prefer require_auth='' min_protocol_version='' max_protocol_version='' connect_timeout=5"
	for _, p := range parameters {
		text += fmt.Sprintf(" %s='%s'", p.Name, quote(p.Value))
	}
	return pgconn.ParseConfig(text)
}

// blame names the parameters that pgx's parser refuses.
func blame(url connection.URL, parameters []connection.Parameter) error {
	if _, err := parse(url, nil); err != nil {
		return fmt.Errorf("%w: the connection URL does not suit the Postgres client", reconcile.ErrUntried)
	}
	var names []string
	for _, p := range parameters {
		names = append(names, p.Name)
		if _, err := parse(url, []connection.Parameter{p}); err != nil {
			return &connection.ParameterError{Names: []string{p.Name}, Reason: "has a value that no client takes for it"}
		}
	}
	return &connection.ParameterError{Names: names, Reason: "contradicts another"}
}

// withoutClearText takes the password in clear text out of the methods that
// require_auth allows. What is left to a URL that allows no other is nothing.
func withoutClearText(allowed string) (string, error) {
	var methods []string
	forbids := true
	for method := range strings.SplitSeq(allowed, ",") {
		switch method = strings.TrimSpace(method); {
		case method == "", method == "password", method == "!password":
		default:
			forbids = forbids && method[0] == '!'
			methods = append(methods, method)
		}
	}
	if allowed == "" || forbids && strings.Contains(allowed, "!") {
		return strings.Join(append(methods, "!password"), ","), nil
	}
	if len(methods) == 0 {
		return "", &connection.ParameterError{Names: []string{"require_auth"}, Reason: "allows no login but with the password in clear text, which is never sent"}
	}
	return strings.Join(methods, ","), nil
}

// demanding are the parameters of the URL under which a login can fail that would
// not fail without them, and no answer of the server says so.
func (s settings) demanding() []string {
	var names []string
	for _, p := range s.client {
		switch p.Name + "=" + p.Value {
		case "channel_binding=require", "sslcertmode=require", "sslcertmode=disable", "sslnegotiation=direct", "sslsni=0",
			"min_protocol_version=3.2", "min_protocol_version=latest", "max_protocol_version=3.2", "max_protocol_version=latest":
			names = append(names, p.Name)
		default:
			if p.Name == "require_auth" && p.Value != "" {
				names = append(names, p.Name)
			}
		}
	}
	return names
}

// Package sqlstate says what a Postgres, or a PgBouncer in front of one, means by an
// error that ends a login.
package sqlstate

import "strings"

// Kind is what an error is about.
type Kind int

const (
	Other     Kind = iota // neither of the others
	Refused               // this user, password or database
	Full                  // no connection is left
	Parameter             // a parameter of the start-up message
)

// Valid reports whether a code is five capitals and digits. A server that sends
// another one could send back what it was sent, and have it printed.
func Valid(code string) bool {
	for _, c := range []byte(code) {
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return len(code) == 5
}

// Judge says what an error of a login is about. Refused are class 28 (invalid
// authorization) and 3D000 (no such database), Full is 53300
// (https://www.postgresql.org/docs/current/errcodes-appendix.html). A code that is
// not [Valid] is Other.
func Judge(code, message string) Kind {
	switch {
	case !Valid(code):
		return Other
	case strings.HasPrefix(code, "28"), code == "3D000":
		return Refused
	case code == "53300":
		return Full
	case code == "08P01":
		return pooler(message)
	}
	return parameters[code]
}

// parameters are the codes of a start-up message whose parameters a server refuses
// (src/backend/utils/misc/guc.c, src/backend/tcop/postgres.c).
var parameters = map[string]Kind{
	"22023": Parameter, // invalid value
	"42601": Parameter, // invalid command-line argument, of options
	"42602": Parameter, // invalid name
	"42704": Parameter, // no such parameter
	"55P02": Parameter, // cannot be changed now
}

// pooler tells apart what PgBouncer refuses, all of it with 08P01: wrong password, no
// such user, no such database, and then the exceptions, whose texts are those of its
// src/client.c, janitor.c and objects.c
// (https://github.com/pgbouncer/pgbouncer/blob/master/src/proto.c).
func pooler(message string) Kind {
	for _, text := range []struct {
		has  string
		kind Kind
	}{
		{"startup parameter", Parameter},
		{"no more connections allowed", Full},
		{"client connections exceeded", Full},
		{"resources exhaustion", Full},
		{"server_login_retry", Other}, // its own login at the server fails, for whatever reason
		{"shutting down", Other},
		{"timeout", Other}, // client_login_timeout, query_wait_timeout
		{"pause failed", Other},
		{"suspend", Other},
		{"out of memory", Other},
		{"bouncer config error", Other},
		{"is disabled", Other},
		{"no memory for", Other},
		{"admin forced disconnect", Other},
	} {
		if strings.Contains(message, text.has) {
			return text.kind
		}
	}
	return Refused
}

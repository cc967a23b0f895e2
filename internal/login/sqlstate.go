package login

import (
	"regexp"
	"strings"
)

// SQLStateKind says what the error that ended a login is about. The error came from a
// Postgres, or from a PgBouncer in front of one.
type SQLStateKind int

const (
	KindOther     SQLStateKind = iota // neither of the others
	KindRefused                       // this user, password or database
	KindFull                          // no connection is left
	KindParameter                     // a parameter of the start-up message
)

// ValidSQLState reports whether a code is five capitals and digits. A server that sends
// another one could send back what it was sent, and have it printed.
func ValidSQLState(code string) bool { return sqlState.MatchString(code) }

var sqlState = regexp.MustCompile(`^[0-9A-Z]{5}$`)

// JudgeSQLState says what an error of a login is about. KindRefused are class 28 (invalid
// authorization) and 3D000 (no such database), KindFull is 53300
// (https://www.postgresql.org/docs/current/errcodes-appendix.html). A code that is
// not [ValidSQLState] is KindOther.
func JudgeSQLState(code, message string) SQLStateKind {
	switch {
	case !ValidSQLState(code):
		return KindOther
	case strings.HasPrefix(code, "28"), code == "3D000":
		return KindRefused
	case code == "53300":
		return KindFull
	case code == "08P01":
		return pooler(message)
	}
	return parameterCodes[code]
}

// parameterCodes are the codes of a start-up message whose parameters a server refuses
// (src/backend/utils/misc/guc.c, src/backend/tcop/postgres.c).
var parameterCodes = map[string]SQLStateKind{
	"22023": KindParameter, // invalid value
	"42601": KindParameter, // invalid command-line argument, of options
	"42602": KindParameter, // invalid name
	"42704": KindParameter, // no such parameter
	"55P02": KindParameter, // cannot be changed now
}

// pooler tells apart what PgBouncer sends with 08P01: what it refuses itself, its limits,
// and, before version 1.20, its server's errors with the server's own words
// (https://www.pgbouncer.org/changelog.html). Only words about a user, a password or a
// database are a refusal: whatever else they are, they say nothing of the credential.
func pooler(message string) SQLStateKind {
	message = strings.ToLower(message)
	for _, text := range []struct {
		has  string
		kind SQLStateKind
	}{
		{"server_login_retry", KindOther}, // it repeats what its server said a while ago
		{"startup parameter", KindParameter},
		{"no more connections allowed", KindFull},
		{"client connections exceeded", KindFull},
		{"resources exhaustion", KindFull},
		{"too many connections", KindFull},
		{"too many clients", KindFull},
		{"remaining connection slots", KindFull},
		{"authentication failed", KindRefused},
		{"auth failed", KindRefused},
		{"login rejected", KindRefused},
		{"no such user", KindRefused},
		{"no such database", KindRefused},
		{"does not exist", KindRefused}, // a role or a database, by the server
	} {
		if strings.Contains(message, text.has) {
			return text.kind
		}
	}
	return KindOther
}

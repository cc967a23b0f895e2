package consumer

import (
	"slices"
	"strings"
)

// The code in this file is also in two packages of keepcurrent's functions, so that this
// package can be copied without them. A test fails if they differ.

// isSQLState reports whether a code is five capitals and digits. Anything else is not
// printed: a server could send back the password as the code.
func isSQLState(code string) bool {
	return len(code) == 5 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// isRefusal reports whether a server refuses this user, password or database: class 28
// and 3D000 (https://www.postgresql.org/docs/current/errcodes-appendix.html), and 08P01
// of a PgBouncer, unless the message names a limit or a failure of the PgBouncer itself.
func isRefusal(code, message string) bool {
	return strings.HasPrefix(code, "28") || code == "3D000" || code == "08P01" && !isTrouble(message)
}

// isAbsence reports whether an SQLSTATE says that there is no server to talk to:
// class 08 (connection exception) and 57P (it is shutting down or starting up). A full
// PgBouncer, and one that does not know a parameter, is there.
func isAbsence(code, message string) bool {
	isThere := slices.ContainsFunc(present, func(words string) bool { return strings.Contains(message, words) })
	return strings.HasPrefix(code, "08") && !isThere || strings.HasPrefix(code, "57P")
}

func isTrouble(message string) bool {
	return slices.ContainsFunc(slices.Concat(present, troubles), func(words string) bool { return strings.Contains(message, words) })
}

// What PgBouncer says with 08P01 that is not about a credential
// (https://github.com/pgbouncer/pgbouncer/blob/master/src/proto.c).
var (
	present  = []string{"startup parameter", "no more connections allowed", "client connections exceeded", "resources exhaustion"}
	troubles = []string{"server_login_retry", "shutting down", "timeout", "pause failed", "suspend", "out of memory",
		"bouncer config error", "is disabled", "no memory for", "admin forced disconnect"}
)

// libpqs are the parameters that libpq handles itself. pgx does not know them, and would
// send them to the server, which refuses them
// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS).
var libpqs = []string{
	"fallback_application_name", "gssdelegation", "gssencmode", "gsslib", "keepalives", "keepalives_count", "keepalives_idle",
	"keepalives_interval", "load_balance_hosts", "oauth_client_id", "oauth_client_secret", "oauth_issuer", "oauth_scope", "requirepeer",
	"requiressl", "scram_client_key", "scram_server_key", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcompression",
	"sslcrl", "sslcrldir", "sslkeylogfile", "tcp_user_timeout",
}

func isLibpqs(name, value string) bool {
	return slices.Contains(libpqs, name) || name == "client_encoding" && value == "auto"
}

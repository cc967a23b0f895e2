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
// of a PgBouncer with words about one of these: it has that code for nearly everything.
func isRefusal(code, message string) bool {
	return strings.HasPrefix(code, "28") || code == "3D000" || code == "08P01" && has(message, refusals) && !isPresent(message) && !has(message, repeated)
}

// isFull reports whether a server or a PgBouncer has no connection left.
func isFull(code, message string) bool {
	return code == "53300" || code == "08P01" && has(message, full) && !has(message, parameter) && !has(message, repeated)
}

// isAbsence reports whether an SQLSTATE says that there is no server to talk to:
// class 08 (connection exception) and 57P (it is shutting down or starting up). A full
// PgBouncer, and one that does not know a parameter, is there.
func isAbsence(code, message string) bool {
	return strings.HasPrefix(code, "08") && !isPresent(message) || strings.HasPrefix(code, "57P")
}

func isPresent(message string) bool {
	return (has(message, full) || has(message, parameter)) && !has(message, repeated)
}

func has(message string, words []string) bool {
	message = strings.ToLower(message)
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(message, word) })
}

// What PgBouncer says with 08P01; before version 1.20 its server's errors as well
// (https://www.pgbouncer.org/changelog.html).
var (
	refusals  = []string{"authentication failed", "auth failed", "login rejected", "no such user", "no such database", "does not exist"}
	parameter = []string{"startup parameter"}
	full      = []string{"no more connections allowed", "client connections exceeded", "resources exhaustion",
		"too many connections", "too many clients", "remaining connection slots"}
	repeated = []string{"server_login_retry"} // what its server said a while ago
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

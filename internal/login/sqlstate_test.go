package login_test

import (
	"testing"

	"keepcurrent.example/internal/login"
)

// The login tries them all with a server; see TestEveryClassOfSQLSTATEDecides there.
func TestJudge(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code, message string
		want          login.SQLStateKind
	}{
		{"28000", "", login.KindRefused}, {"28P01", "", login.KindRefused}, {"3D000", "", login.KindRefused},
		{"53300", "", login.KindFull}, {"42704", "", login.KindParameter}, {"57P03", "", login.KindOther},
		{"08P01", "no such user", login.KindRefused}, {"08P01", "no more connections allowed (max_client_conn)", login.KindFull},
		{"08P01", "unsupported startup parameter: a", login.KindParameter}, {"08P01", "pooler is shutting down", login.KindOther},
		{"08P01", "No such database: d", login.KindRefused}, {"08P01", "Auth failed", login.KindRefused},
		{"08P01", `password authentication failed for user "u"`, login.KindRefused}, {"08P01", `role "u" does not exist`, login.KindRefused},
		{"08P01", "pgbouncer cannot connect to server", login.KindOther}, {"08P01", "sorry, too many clients already", login.KindFull},
		{"08P01", `too many connections for role "u"`, login.KindFull}, {"08P01", "the database system is starting up", login.KindOther},
		{"08P01", "server conn crashed?", login.KindOther}, {"08P01", "failed to prepare welcome message", login.KindOther},
		{"08P01", "remaining connection slots are reserved for superusers", login.KindFull}, {"08P01", "", login.KindOther},
		{"08P01", "server login has been failing, cached error: password authentication failed (server_login_retry)", login.KindOther},
		{"22023", "", login.KindParameter}, {"42601", "", login.KindParameter}, {"42602", "", login.KindParameter}, {"55P02", "", login.KindParameter},
		{"08P01", "client connections exceeded (max_db_client_connections)", login.KindFull}, {"08P01", "bouncer resources exhaustion", login.KindFull},
		{"08P01", "login rejected", login.KindRefused},
		{"28pEXAMPLE", "", login.KindOther}, {"28p01", "", login.KindOther}, {"", "", login.KindOther},
	} {
		if got := login.JudgeSQLState(tt.code, tt.message); got != tt.want {
			t.Errorf("%s %s: got %v", tt.code, tt.message, got)
		}
	}
}

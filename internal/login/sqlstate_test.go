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
		{"28pEXAMPLE", "", login.KindOther}, {"28p01", "", login.KindOther}, {"", "", login.KindOther},
	} {
		if got := login.JudgeSQLState(tt.code, tt.message); got != tt.want {
			t.Errorf("%s %s: got %v", tt.code, tt.message, got)
		}
	}
}

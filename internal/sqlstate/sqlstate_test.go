package sqlstate_test

import (
	"testing"

	"keepcurrent.example/internal/sqlstate"
)

// The login tries them all with a server; see TestEveryClassOfSQLSTATEDecides there.
func TestJudge(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code, message string
		want          sqlstate.Kind
	}{
		{"28000", "", sqlstate.Refused}, {"28P01", "", sqlstate.Refused}, {"3D000", "", sqlstate.Refused},
		{"53300", "", sqlstate.Full}, {"42704", "", sqlstate.Parameter}, {"57P03", "", sqlstate.Other},
		{"08P01", "no such user", sqlstate.Refused}, {"08P01", "no more connections allowed (max_client_conn)", sqlstate.Full},
		{"08P01", "unsupported startup parameter: a", sqlstate.Parameter}, {"08P01", "pooler is shutting down", sqlstate.Other},
		{"28pEXAMPLE", "", sqlstate.Other}, {"28p01", "", sqlstate.Other}, {"", "", sqlstate.Other},
	} {
		if got := sqlstate.Judge(tt.code, tt.message); got != tt.want {
			t.Errorf("%s %s: got %v", tt.code, tt.message, got)
		}
	}
}

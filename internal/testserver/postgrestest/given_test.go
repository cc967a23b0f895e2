package postgrestest

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	check "keepcurrent.example/internal/login"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/tool"
)

// The in-dyno database of Heroku CI accepts any password at first.
func TestAServerThatAcceptsAnyPasswordIsRefusedUntilAppJSONChangesIt(t *testing.T) {
	t.Parallel()
	tool.Path(t, "psql")
	host := started(t, func() (*Cluster, error) { return boot(t.Context(), plainOnly) })
	defer closed(t, host)
	must(t, os.WriteFile(filepath.Join(host.guardian.home.dir, "pg_hba.conf"), []byte("host all all all trust\n"), 0o600))
	_, err := host.server.run(t.Context(), `SELECT pg_reload_conf()`)
	must(t, err)
	waitUntil(t, "a server that trusts everybody is turned down", func() bool {
		_, err := adopt(t.Context(), superURL(host))
		return err != nil && strings.Contains(err.Error(), "write scram-sha-256 for trust in its pg_hba.conf")
	})
	setUp := exec.CommandContext(t.Context(), "sh", "-c", preparation(t))
	setUp.Env = []string{"PATH=" + os.Getenv("PATH"), "DATABASE_URL=" + superURL(host)}
	if said, err := setUp.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	waitUntil(t, "it is taken", func() bool {
		_, err := adopt(t.Context(), superURL(host))
		return err == nil
	})
	left, err := host.server.run(t.Context(), `SELECT rolname FROM pg_roles WHERE rolname LIKE 'u%'`)
	must(t, err)
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// preparation returns the command that app.json has Heroku CI run before the tests.
func preparation(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../app.json")
	must(t, err)
	var app struct {
		Environments struct {
			Test struct{ Scripts struct{ Test string } }
		}
	}
	must(t, json.Unmarshal(text, &app))
	before, found := strings.CutSuffix(app.Environments.Test.Scripts.Test, " && make test")
	if !found {
		t.Fatal("app.json does not run make test")
	}
	return before
}

// It logs in, as given has shown, but not over TLS.
func TestAnInDynoURLDoesNotPassTheLoginCheck(t *testing.T) {
	t.Parallel()
	if given(t).tls == nil {
		t.Skip("the server of DATABASE_URL speaks TLS, unlike an in-dyno one")
	}
	url, err := connection.Parse(credential.New(givenURL(t)))
	must(t, err)
	if err := (check.Client{}).Login(t.Context(), url, ""); !errors.Is(err, reconcile.ErrNoTLS) {
		t.Errorf("got error %v, want %v", err, reconcile.ErrNoTLS)
	}
}

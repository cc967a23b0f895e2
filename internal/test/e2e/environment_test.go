package e2e_test

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepcurrent.example/internal/testserver/stacktest"
)

func TestAFunctionWithoutItsEnvironmentSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := start(t, stacktest.Config{Env: []string{"HEROKU_TOKEN_SECRET_ID=", "LOG_LEVEL=loud", "HEROKU_API_URL=http://api.example"}})
	if _, err := s.Poll(t.Context()); err == nil {
		t.Error("it ran all the same")
	}
	for _, part := range []string{"HEROKU_TOKEN_SECRET_ID is not set", "LOG_LEVEL is", "not https"} {
		if !strings.Contains(string(s.Poller.Logs()), part) {
			t.Errorf("the log does not say %q", part)
		}
	}
}

// Proxies and certificate bundles in the environment must not change what the functions
// do, nor make them connect to another machine.
func TestProxiesAndBundlesInTheEnvironmentDoNoHarm(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{Env: []string{
		"HTTPS_PROXY=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1", "NO_PROXY=",
		"PGPASSWORD=EXAMPLE", "PGHOST=127.0.0.2", "PGSSLMODE=disable", "PGSSLROOTCERT=/nowhere", "PGOPTIONS=-c nonsense=1",
		"AWS_CA_BUNDLE=" + bundle(t),
	}})
	s.rotate()
	s.poll()
	s.equal()
}

// bundle is a file with a certificate authority, such as that of a company's proxy.
func bundle(t *testing.T) string {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	path := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

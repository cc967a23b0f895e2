package redistest

import (
	"errors"
	"testing"

	"keepcurrent.example/internal/testserver/tool"
)

// Run starts a server that ends with the test. If no redis-server is installed, the test is
// skipped; with KEEPCURRENT_REQUIRE_TOOLS it fails.
func Run(t testing.TB) *Server {
	t.Helper()
	s, err := start(t.Context())
	if errors.Is(err, errNotInstalled) {
		tool.Missing(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

package redistest

import (
	"errors"
	"os"
	"testing"
)

// Run starts a server that ends with the test. The test is skipped if no redis-server is
// installed; with KEEPCURRENT_REQUIRE_TOOLS it fails.
func Run(t testing.TB) *Server {
	t.Helper()
	s, err := start(t.Context())
	if errors.Is(err, errNotInstalled) && os.Getenv("KEEPCURRENT_REQUIRE_TOOLS") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

package redistest

import (
	"errors"
	"os"
	"testing"
)

// Run starts a server that ends with the test. Where no redis-server is installed the
// test is skipped, unless KEEPCURRENT_REQUIRE_TOOLS says that everything is there.
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

package postgrestest

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// eachKind runs a test on a throwaway cluster and on a server without TLS that
// DATABASE_URL might name.
func eachKind(t *testing.T, test func(t *testing.T, c *Cluster)) {
	kinds := map[string]func(*testing.T) *Cluster{"throwaway": throwaway, "given": given}
	for name, start := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// The servers of all tests that need none of their own.
var (
	tlsServer   = sync.OnceValues(func() (*Cluster, error) { return boot(context.Background(), tlsOnly) })
	plainServer = sync.OnceValues(func() (*Cluster, error) { return boot(context.Background(), plainOnly) })
)

func throwaway(t *testing.T) *Cluster {
	t.Helper()
	return started(t, tlsServer)
}

func given(t *testing.T) *Cluster {
	t.Helper()
	c, err := adopt(t.Context(), givenURL(t))
	must(t, err)
	t.Cleanup(func() { closed(t, c) })
	return c
}

// givenURL is DATABASE_URL, or what it might be.
func givenURL(t *testing.T) string {
	t.Helper()
	if rawURL := os.Getenv("DATABASE_URL"); rawURL != "" {
		return rawURL
	}
	return superURL(started(t, plainServer))
}

// started is a server, if one is installed. It need not be where DATABASE_URL
// names one.
func started(t *testing.T, start func() (*Cluster, error)) *Cluster {
	t.Helper()
	c, err := start()
	if errors.Is(err, errNoServer) && os.Getenv("DATABASE_URL") != "" {
		t.Skip("this test starts a server of its own:", err)
	}
	must(t, err)
	return c
}

func closed(t *testing.T, c *Cluster) {
	if err := c.close(); err != nil {
		t.Error(err)
	}
}

func superURL(c *Cluster) string {
	l := c.server.login
	u := url.URL{Scheme: "postgres", User: url.UserPassword(l.User, l.Password), Host: c.server.address(), Path: l.Database}
	return u.String()
}

func newDatabase(t *testing.T, c *Cluster) *Database {
	t.Helper()
	d, err := c.NewDatabase(t.Context())
	must(t, err)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// login opens a session with a URL, with TLS.
func login(t *testing.T, rawURL string) (*pgconn.PgConn, error) {
	t.Helper()
	return loginBy(t, rawURL, true)
}

func loginBy(t *testing.T, rawURL string, withTLS bool) (*pgconn.PgConn, error) {
	t.Helper()
	s, err := newServer(rawURL, withTLS)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgconn.ConnectConfig(t.Context(), s.login)
	if err == nil {
		t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	}
	return conn, err
}

// mustLogin opens a session and uses it.
func mustLogin(t *testing.T, rawURL string) *pgconn.PgConn {
	t.Helper()
	conn, err := login(t, rawURL)
	if err != nil {
		t.Fatal(err)
	}
	if err := use(t, conn, "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	return conn
}

func use(t *testing.T, conn *pgconn.PgConn, statement string) error {
	_, err := conn.Exec(t.Context(), statement).ReadAll()
	return err
}

// wantState checks that an error came from the server, with this SQLSTATE.
func wantState(t *testing.T, err error, state string) {
	t.Helper()
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != state {
		t.Errorf("got error %v, want SQLSTATE %s", err, state)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func serverPID(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	must(t, err)
	pid, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	must(t, err)
	return pid
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

// waitUntil polls the condition, because there is no event to wait for.
func waitUntil(t *testing.T, what string, so func() bool) {
	t.Helper()
	limit := time.After(patience)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !so() {
		select {
		case <-again.C:
		case <-limit:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

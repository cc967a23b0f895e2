package herokutest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"keepcurrent.example/internal/herokutest"
	"keepcurrent.example/internal/postgrestest"
)

var _ herokutest.Database = (*postgrestest.Database)(nil)

// TestMain keeps pgx from following the machine's own settings.
func TestMain(m *testing.M) {
	for _, setting := range os.Environ() {
		if name, _, _ := strings.Cut(setting, "="); strings.HasPrefix(name, "PG") {
			os.Unsetenv(name)
		}
	}
	m.Run()
}

// login tries a URL as a consumer outside of Heroku does: over TLS, with a
// certificate that nobody vouches for.
func login(ctx context.Context, url string) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return err
	}
	config.TLSConfig, config.Fallbacks = &tls.Config{InsecureSkipVerify: true}, nil
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	return errors.Join(conn.Ping(ctx), conn.Close(ctx))
}

func TestRealDatabaseIsWhatTheConfigVarSays(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cluster, err := postgrestest.Shared(ctx)
	if errors.Is(err, postgrestest.ErrNoServer) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	db, err := cluster.NewDatabase(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s := newServer(t)
	addon := s.Provision(s.CreateApp("sushi"), db)
	changes := []struct {
		name   string
		change func(context.Context) error
	}{{"rotation", addon.Rotate}, {"failover", addon.FailOver}}
	for _, c := range changes {
		before := configVar(t, s, "sushi", "DATABASE_URL")
		if err := login(ctx, before); err != nil {
			t.Fatalf("before %s: %v", c.name, err)
		}
		if err := c.change(ctx); err != nil {
			t.Fatal(err)
		}
		if err := login(ctx, before); err == nil {
			t.Errorf("after %s the old URL still logs in", c.name)
		}
		if err := login(ctx, configVar(t, s, "sushi", "DATABASE_URL")); err != nil {
			t.Errorf("after %s: %v", c.name, err)
		}
	}
}

package consumer_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"keepcurrent.example/internal/testserver/postgrestest"
)

// pooled opens a pool whose secret holds the URL of a real PgBouncer in transaction mode.
func (s *shop) pooled(mode pgx.QueryExecMode) *pgxpool.Pool {
	s.t.Helper()
	s.secret.put(postgrestest.RunPooler(s.t, s.db, "pool_mode = transaction", "default_pool_size = 1"))
	config := s.config()
	config.MaxConns = 4
	config.ConnConfig.DefaultQueryExecMode = mode
	return s.pool(config)
}

// crowded makes the queries of four workers and returns how many failed, by their SQLSTATE.
func (s *shop) crowded(pool *pgxpool.Pool) (failed []string) {
	s.t.Helper()
	var mu sync.Mutex
	var working sync.WaitGroup
	for range 4 {
		working.Go(func() {
			for range 45 {
				var user string
				err := pool.QueryRow(s.t.Context(), "select session_user where $1 > 0", 1).Scan(&user)
				if err == nil {
					continue
				}
				code := err.Error()
				var answer *pgconn.PgError
				if errors.As(err, &answer) {
					code = answer.Code
				}
				mu.Lock()
				failed = append(failed, code)
				mu.Unlock()
			}
		})
	}
	working.Wait()
	return failed
}

// In transaction mode a client's queries run in the server's sessions of others, and a
// prepared statement is a session's.
func TestBehindAPoolerInTransactionModeQueriesMustNotBePrepared(t *testing.T) {
	t.Parallel()
	s := open(t)
	if failed := s.crowded(s.pooled(pgx.QueryExecModeExec)); len(failed) > 0 {
		t.Errorf("%d of 180 queries failed: %v", len(failed), failed)
	}
	failed := s.crowded(s.pooled(pgx.QueryExecModeCacheStatement)) // pgx's default
	if !slices.ContainsFunc(failed, func(code string) bool { return code == "42P05" || code == "26000" }) {
		t.Errorf("the default works, so the advice is out of date: %v", failed)
	}
	t.Logf("with prepared statements %d of 180 queries failed", len(failed))
}

// PgBouncer refuses with 08P01 what Postgres refuses with 28P01.
func TestAPoolersRefusalWaitsForTheNewVersion(t *testing.T) {
	t.Parallel()
	s := open(t)
	pooled := postgrestest.RunPooler(t, s.db)
	u, err := url.Parse(pooled)
	s.must(err)
	u.User = url.UserPassword(u.User.Username(), "old-EXAMPLE")
	s.secret.put(u.String())
	s.secret.meanwhile(func(_ context.Context, read int) error {
		if read == 3 {
			s.secret.put(pooled)
		}
		return nil
	})
	s.works(s.pool(s.config()))
	if s.secret.count() < 3 {
		t.Error("the first login did not need the new version")
	}
}

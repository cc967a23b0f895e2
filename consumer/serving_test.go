package consumer_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"keepcurrent.example/consumer"
	"keepcurrent.example/internal/testserver/postgrestest"
)

// shut closes a database, and then executes further statements. Sessions that are open stay
// open.
func shut(ctx context.Context, db *postgrestest.Database, statements ...string) error {
	return alter(ctx, db, "ALLOW_CONNECTIONS false", statements...)
}

// alter lets the owner of a database change it, and then execute further statements.
func alter(ctx context.Context, db *postgrestest.Database, change string, statements ...string) error {
	u, err := url.Parse(db.URL())
	if err != nil {
		return err
	}
	name := u.Path[1:]
	u.Path = "/postgres" // nobody can close a database from within
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range append([]string{"ALTER DATABASE " + name + " " + change}, statements...) {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// unserving are the ways in which a server can stop to serve a URL with the right password.
var unserving = map[string]func(context.Context, *postgrestest.Database) error{
	"the role has no connection left": func(ctx context.Context, db *postgrestest.Database) error {
		return db.LimitRole(ctx, 0)
	},
	"the database has no connection left": func(ctx context.Context, db *postgrestest.Database) error {
		return db.Limit(ctx, 0)
	},
	"the role may not connect": func(ctx context.Context, db *postgrestest.Database) error { return db.Forbid(ctx) },
	"the database is closed":   func(ctx context.Context, db *postgrestest.Database) error { return shut(ctx, db) },
	"the host refuses":         func(_ context.Context, db *postgrestest.Database) error { return db.Refuse() },
	"no Postgres": func(_ context.Context, db *postgrestest.Database) error {
		db.Intercept(func() postgrestest.Fault { return postgrestest.Garble })
		return nil
	},
	"an internal error": func(_ context.Context, db *postgrestest.Database) error {
		db.Intercept(func() postgrestest.Fault { return postgrestest.Answer("XX000") })
		return nil
	},
}

func TestANewerVersionThatDoesNotServeDoesNotReplaceOneThatDoes(t *testing.T) {
	t.Parallel()
	for name, spoil := range unserving {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newer := postgrestest.Run(t)
			if err := spoil(t.Context(), newer); err != nil {
				t.Fatal(err)
			}
			open(t).stays(newer.URL())
		})
	}
	for name, query := range map[string]string{
		"an unknown parameter":           "?no_such_parameter=1",
		"a parameter with a wrong value": "?statement_timeout=no",
		"an unknown sslmode":             "?sslmode=no",
		"a file that is missing":         "?sslrootcert=/missing/root.crt",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open(t).stays(postgrestest.Run(t).URL() + query)
		})
	}
	t.Run("the host is silent", func(t *testing.T) {
		t.Parallel()
		newer := postgrestest.Run(t)
		newer.Intercept(func() postgrestest.Fault { return postgrestest.Hang })
		open(t).stays(newer.URL() + "?connect_timeout=1")
	})
}

// stays publishes a URL while a pool is in use. No query may fail, and none may run there.
func (s *shop) stays(newer string) {
	s.t.Helper()
	s.source.Lifetime = time.Nanosecond
	pool := s.pool(s.config())
	good, err := s.user(pool)
	s.must(err)
	s.secret.put(newer)
	for range 3 {
		pool.Reset() // so that there must be a new connection
		for range 2 {
			if user, err := s.user(pool); err != nil || user != good {
				s.t.Fatalf("a query ran as another user than %s, or failed: %q, %v", good, user, err)
			}
		}
	}
}

func TestWhenTheOldVersionNoLongerServesTheSecretIsReadAtOnce(t *testing.T) {
	t.Parallel()
	for name, spoil := range unserving {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.source.Lifetime = time.Hour
			pool := s.pool(s.config())
			s.works(pool)
			s.must(spoil(t.Context(), s.db))
			newer := postgrestest.Run(t)
			s.secret.put(newer.URL())
			pool.Reset()
			s.works(pool)
		})
	}
}

// A hosted application may have a time-out of its own: no wait for a version with free connections.
func TestAFullServerWithNothingElseToTryAnswersAfterOneMoreRead(t *testing.T) {
	t.Parallel()
	s := open(t)
	config := s.config()
	s.must(s.db.LimitRole(t.Context(), 0))
	for _, want := range []int{1, 0} { // the second attempt comes too soon for another
		s.secret.meanwhile(nil)
		err := config.BeforeConnect(t.Context(), config.ConnConfig.Copy())
		var e *consumer.Error
		if !errors.As(err, &e) || e.Kind != consumer.ErrFull || e.SQLState != "53300" {
			t.Fatalf("got %v", err)
		}
		if reads := s.secret.count(); reads != want {
			t.Errorf("%d reads, want %d", reads, want)
		}
		silent(t, s, err)
	}
	s.must(s.db.LimitRole(t.Context(), -1))
	s.must(config.BeforeConnect(t.Context(), config.ConnConfig.Copy()))
}

// A full server must not become a storm of reads.
func TestAServerThatStaysFullIsReadAboutAtGrowingIntervals(t *testing.T) {
	try(t, func(x *trial) {
		x.source.Lifetime = time.Hour
		x.code.Store("53300")
		x.secret.meanwhile(nil)
		for range 100 * 60 {
			if err := x.connect(x.t.Context(), x.config.Copy()); !errors.Is(err, consumer.ErrFull) {
				x.t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if reads := x.secret.count(); reads < 8 || reads > 11 {
			x.t.Errorf("%d reads", reads)
		}
	})
}

// A caller's time may end before the wait does.
func TestACallerThatGivesUpIsToldWhatItWaitedFor(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.must(s.db.Rotate(t.Context())) // and the secret has the old password
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.secret.meanwhile(func(_ context.Context, read int) error {
		if read == 2 {
			cancel()
		}
		return nil
	})
	_, err := s.source.ConnConfig(ctx)
	var e *consumer.Error
	if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || e.SQLState != "28P01" {
		t.Errorf("got %v", err)
	}
	silent(t, s, err)
}

// The database has become read-only, its sessions live on, and each of them still logs in.
func TestAReadOnlyDatabaseIsAReasonToLookAgain(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Lifetime = time.Hour
	config := s.config()
	seen := 0
	closes := config.ConnConfig.OnPgError
	config.ConnConfig.OnPgError = func(conn *pgconn.PgConn, e *pgconn.PgError) bool { // the user's stays
		seen++
		return closes(conn, e)
	}
	config.MaxConns = 1
	config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	pool := s.pool(config)
	old, err := s.user(pool)
	s.must(err)
	newer := postgrestest.Run(t)
	s.secret.put(newer.URL())
	var refused *pgconn.PgError
	if _, err := pool.Exec(t.Context(), "create table t ()"); !errors.As(err, &refused) || refused.Code != "25006" || seen != 1 {
		t.Fatalf("got %v, and the user's handler saw %d errors", err, seen)
	}
	eventually(t, "the pool has moved", func() bool {
		user, err := s.user(pool)
		s.must(err)
		return user != old
	})
}

// PgBouncer lets its clients in while its server does not let PgBouncer in: no login shows
// that. Only the queries fail, with 08P01.
func TestAPoolerWhoseServerIsClosedIsAReasonToLookAgain(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.secret.put(postgrestest.RunPooler(t, s.db, "pool_mode = transaction", "query_wait_timeout = 1"))
	s.source.Lifetime = time.Hour
	config := s.config()
	config.MaxConns = 1
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	pool := s.pool(config)
	s.works(pool)
	s.must(shut(t.Context(), s.db, "select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()"))
	var refused *pgconn.PgError
	eventually(t, "a query fails", func() bool {
		_, err := s.user(pool)
		return errors.As(err, &refused) && refused.Code == "08P01"
	})
	newer := postgrestest.Run(t)
	s.secret.put(newer.URL())
	eventually(t, "the pool has moved", func() bool {
		_, err := s.user(pool)
		return err == nil
	})
}

// A program may have a read-only database, and try to write all the time.
func TestDoubtsThatBringNothingReadAtGrowingIntervals(t *testing.T) {
	try(t, func(x *trial) {
		x.source.Lifetime = time.Hour
		x.accepted.Store("u1")
		config := x.config.Copy()
		if err := x.connect(x.t.Context(), config); err != nil {
			x.t.Fatal(err)
		}
		x.secret.meanwhile(nil)
		if !config.OnPgError(nil, &pgconn.PgError{Severity: "ERROR", Code: "42501"}) { // a query's, and no reason
			x.t.Error("a query that fails closes its connection")
		}
		x.logsIn("u1")
		if reads := x.secret.count(); reads > 0 {
			x.t.Errorf("%d reads", reads)
		}
		for range 100 * 60 {
			config.OnPgError(nil, &pgconn.PgError{Severity: "ERROR", Code: "25006"})
			if err := x.connect(x.t.Context(), x.config.Copy()); err != nil {
				x.t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if reads := x.secret.count(); reads < 8 || reads > 11 { // after 0, 1, 3, 7, … seconds of ten minutes
			x.t.Errorf("%d reads", reads)
		}
		time.Sleep(2 * time.Minute) // without a doubt, and the intervals begin anew
		x.put("u2")
		x.accepted.Store("u1 u2")
		if config.OnPgError(nil, &pgconn.PgError{Severity: "FATAL", Code: "57P01"}) {
			x.t.Error("a session that its server ends stays open")
		}
		x.logsIn("u2")
	})
}

// The growing intervals are those of one version. A version that has just come may be wrong as well.
func TestADoubtAboutANewVersionIsAReasonToReadAtOnce(t *testing.T) {
	try(t, func(x *trial) {
		x.source.Lifetime = time.Hour
		x.accepted.Store("u1 u2")
		config := x.logsIn("u1")
		doubt := func() *pgx.ConnConfig {
			config.OnPgError(nil, &pgconn.PgError{Severity: "ERROR", Code: "25006"})
			next := x.config.Copy()
			if err := x.connect(x.t.Context(), next); err != nil {
				x.t.Fatal(err)
			}
			return next
		}
		for range 20 {
			doubt()
			time.Sleep(time.Second)
		}
		x.put("u2")
		for doubt().User != "u2" {
			time.Sleep(time.Second)
		}
		x.secret.meanwhile(nil)
		doubt()
		if reads := x.secret.count(); reads != 1 {
			x.t.Errorf("%d reads", reads)
		}
	})
}

// This package sets the same two hooks.
func TestTheCallersOwnHandlersAreKept(t *testing.T) {
	for name, own := range map[string]func(*pgconn.PgConn, *pgconn.PgError) bool{
		"none":              nil,
		"one that goes on":  func(*pgconn.PgConn, *pgconn.PgError) bool { return true },
		"one that gives up": func(*pgconn.PgConn, *pgconn.PgError) bool { return false },
	} {
		t.Run(name, func(t *testing.T) {
			try(t, func(x *trial) {
				opened := 0
				x.config.Config.AfterConnect = func(context.Context, *pgconn.PgConn) error { opened++; return nil }
				x.config.OnPgError = own
				x.accepted.Store("u1")
				config := x.logsIn("u1")
				if opened != 0 {
					x.t.Error("AfterConnect has seen the login that proves the credential")
				}
				if err := config.Config.AfterConnect(x.t.Context(), x.conn.PgConn()); err != nil || opened != 1 {
					x.t.Errorf("AfterConnect has seen %d connections: %v", opened, err)
				}
				e := &pgconn.PgError{Severity: "ERROR", Code: "42501"}
				if got := config.OnPgError(nil, e); got != (own == nil || own(nil, e)) {
					x.t.Errorf("OnPgError returned %t", got)
				}
			})
		})
	}
}

// pgxpool's own rule is a second. A connection that was used since the last one died is alive.
func TestWhichConnectionIsTestedBeforeItsUse(t *testing.T) {
	try(t, func(x *trial) {
		config, err := x.source.PoolConfig(x.t.Context())
		if err != nil {
			x.t.Fatal(err)
		}
		if config.PingTimeout <= 0 || config.PingTimeout > 5*time.Second {
			x.t.Errorf("a test may take %v", config.PingTimeout)
		}
		tests := func(when string, want map[time.Duration]bool) {
			x.t.Helper()
			for idle, want := range want {
				if got := config.ShouldPing(x.t.Context(), pgxpool.ShouldPingParams{IdleDuration: idle}); got != want {
					x.t.Errorf("%s, %v after its last use: tested %t", when, idle, got)
				}
			}
		}
		long := map[time.Duration]bool{0: false, 200 * time.Millisecond: false, time.Second: false, time.Second + 1: true}
		tests("at first", long)
		time.Sleep(time.Minute)
		config.BeforeClose(x.conn)
		time.Sleep(100 * time.Millisecond)
		tests("one that lived was closed", long)
		if err := x.conn.Close(x.t.Context()); err != nil {
			x.t.Fatal(err)
		}
		config.BeforeClose(x.conn)
		time.Sleep(100 * time.Millisecond)
		tests("one was dead", map[time.Duration]bool{0: false, 100 * time.Millisecond: false, 100*time.Millisecond + 1: true, time.Minute: true})
	})
}

package consumer_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"keepcurrent.example/consumer"
	"keepcurrent.example/internal/testserver/postgrestest"
)

// patient is a context for a source whose Wait is an hour: what waits for a version that
// does not come fails the test, and soon.
func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// Only a wrong user, password or database is final.
func TestALoginThatFailsOnceIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"08006", "42501", "53200", "55000", "57P03", "58000", "XX000"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.source.Wait = time.Hour
			answered := false
			s.db.Intercept(func() postgrestest.Fault {
				if answered {
					return nil
				}
				answered = true
				return postgrestest.Answer(code)
			})
			_, err := s.source.ConnConfig(patient(t))
			s.must(err)
		})
	}
}

func TestADatabaseThatIsClosedForAMomentIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Wait = time.Hour
	_, err := s.source.ConnConfig(t.Context())
	s.must(err)
	s.must(shut(t.Context(), s.db))
	s.secret.meanwhile(func(ctx context.Context, read int) error {
		if read == 3 {
			return alter(ctx, s.db, "ALLOW_CONNECTIONS true")
		}
		return nil
	})
	_, err = s.source.ConnConfig(patient(t))
	s.must(err)
}

// A final refusal is not repeated: it costs the server, and may lock the account.
func TestARefusedPasswordIsTriedOnceInASearch(t *testing.T) {
	t.Parallel()
	s := open(t)
	config := s.config()
	s.must(s.db.Rotate(t.Context()))
	s.dials.Store(0)
	s.publishAt(6)
	s.must(config.BeforeConnect(t.Context(), config.ConnConfig))
	if logins := s.dials.Load(); logins != 2 {
		t.Errorf("%d logins, want one with each version", logins)
	}
}

func TestWaitBoundsTheWaitForASilentHost(t *testing.T) {
	for name, test := range map[string]struct {
		wait  time.Duration
		older bool // there is an older version, and its host is silent too
		most  float64
	}{
		"one host, a short wait":    {time.Second, false, 7},
		"two hosts, a short wait":   {time.Second, true, 7},
		"one host, the default":     {0, false, 16},
		"two hosts, the default":    {0, true, 16},
		"a wait that is no wait":    {time.Nanosecond, false, 6},
		"two hosts, without a wait": {time.Nanosecond, true, 7},
	} {
		t.Run(name, func(t *testing.T) {
			try(t, func(x *trial) {
				x.source.Wait = test.wait
				if test.older {
					x.accepted.Store("u1")
					x.logsIn("u1")
					x.put("u2")
					time.Sleep(2 * time.Minute)
				}
				x.slow.Store("u1", time.Minute)
				x.slow.Store("u2", time.Minute)
				began := time.Now()
				err := x.connect(x.t.Context(), x.config.Copy())
				if !errors.Is(err, consumer.ErrUnreachable) {
					x.t.Errorf("got %v", err)
				}
				x.between("the error", time.Since(began), test.wait.Seconds(), test.most)
			})
		})
	}
}

// The new version names another host. The old one does not even refuse.
func TestASilentHostDoesNotDelayTheReadOfTheNewVersion(t *testing.T) {
	try(t, func(x *trial) {
		x.accepted.Store("u1 u2")
		x.logsIn("u1")
		x.slow.Store("u1", time.Minute)
		x.put("u2")
		x.logsIn("u2")
	})
}

func TestASilentNewerHostDoesNotKeepCallersFromTheOlderVersion(t *testing.T) {
	try(t, func(x *trial) {
		x.accepted.Store("u1 u2")
		x.logsIn("u1")
		x.slow.Store("u2", time.Minute)
		x.put("u2")
		time.Sleep(2 * time.Minute)
		for range 20 {
			x.logsIn("u1")
			time.Sleep(500 * time.Millisecond)
		}
	})
}

func TestWhatAPoolHasProvenServesConnConfigToo(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Wait, s.source.Lifetime = time.Hour, time.Nanosecond
	s.works(s.pool(s.config()))
	older := s.db.URL()
	newer := postgrestest.Run(t)
	newer.Intercept(func() postgrestest.Fault { return postgrestest.Hang })
	s.secret.put(newer.URL())
	s.secret.meanwhile(nil)
	_, err := s.source.PoolConfig(t.Context())
	if s.must(err); s.secret.count() == 0 {
		t.Fatal("the newer version was not read")
	}
	url, err := s.source.URL(patient(t))
	if err != nil || !strings.HasPrefix(url, older) {
		t.Errorf("not the older one: %v", err)
	}
}

// It takes longer than the older one's head start, every time.
func TestASlowNewerHostIsMovedToAllTheSame(t *testing.T) {
	try(t, func(x *trial) {
		x.accepted.Store("u1 u2")
		x.logsIn("u1")
		x.slow.Store("u2", 2*time.Second)
		x.put("u2")
		time.Sleep(2 * time.Minute)
		x.logsIn("u1")
		time.Sleep(3 * time.Second)
		for range 5 {
			x.logsIn("u2")
		}
	})
}

func TestAFullNewerVersionBesideADeadOlderOneIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Lifetime = time.Nanosecond
	pool := s.pool(s.config())
	s.works(pool)
	full := postgrestest.Run(t)
	s.must(full.LimitRole(t.Context(), 0))
	s.secret.put(full.URL())
	pool.Reset()
	s.works(pool)
	s.source.Lifetime = time.Hour
	s.must(s.db.Rotate(t.Context()))
	pool.Reset()
	s.publishAt(4)
	s.works(pool)
}

func TestANewConnectionDoesNotWaitForASilentSecretsManager(t *testing.T) {
	try(t, func(x *trial) {
		x.accepted.Store("u1")
		x.logsIn("u1")
		x.secret.meanwhile(func(ctx context.Context, _ int) error {
			<-ctx.Done()
			return ctx.Err()
		})
		for range 5 {
			time.Sleep(2 * time.Minute)
			x.logsIn("u1") // within three seconds, and a read takes five
		}
	})
}

// Without a value there is nothing to go on with, so PoolConfig waits longer than a new connection.
func TestTheFirstReadIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answers  time.Duration // how long Secrets Manager takes
		patience time.Duration // the caller's
		after    time.Duration // PoolConfig returns
		want     error
	}{
		"a late answer": {4 * time.Second, time.Minute, 4 * time.Second, nil},
		"no answer":     {time.Hour, time.Minute, 5 * time.Second, context.DeadlineExceeded},
		"no answer, and a caller who has no time": {time.Hour, 2 * time.Second, 2 * time.Second, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				slow := &secret{value: exampleURL}
				slow.meanwhile(func(ctx context.Context, _ int) error { return sleep(ctx, test.answers) })
				source := &consumer.Source{Client: slow, SecretID: "shop/database"}
				ctx, cancel := context.WithTimeout(t.Context(), test.patience)
				defer cancel()
				began := time.Now()
				config, err := source.PoolConfig(ctx)
				if took := time.Since(began); took != test.after {
					t.Errorf("it took %v, want %v", took, test.after)
				}
				if !errors.Is(err, test.want) || (config == nil) != (err != nil) {
					t.Errorf("got %v", err)
				}
				var e *consumer.Error
				if err != nil && (!errors.As(err, &e) || e.Kind != consumer.ErrUnread || e.SecretID != "shop/database") {
					t.Errorf("got %v", err)
				}
				time.Sleep(5 * time.Second) // the read goes on without its caller
				synctest.Wait()
			})
		})
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestAnOldFailureTakesNothingFromTheNextWait(t *testing.T) {
	for name, code := range map[string]string{"the server was starting": "57P03", "the server was full": "53300"} {
		t.Run(name, func(t *testing.T) {
			try(t, func(x *trial) {
				x.code.Store(code)
				x.connects(100 * time.Millisecond)
				time.Sleep(time.Hour)
				x.code.Store("28P01")
				began := time.Now()
				if err := x.connect(x.t.Context(), x.config.Copy()); !errors.Is(err, consumer.ErrRefused) {
					x.t.Errorf("got %v", err)
				}
				x.between("the error", time.Since(began), 10, 16)
			})
		})
	}
}

func TestReadsAreBounded(t *testing.T) {
	for name, test := range map[string]struct {
		demand func(*trial)
		most   int
	}{
		"callers that give up at once, for five seconds": {func(x *trial) {
			for range 250 {
				ctx, cancel := context.WithTimeout(x.t.Context(), 20*time.Millisecond)
				_ = x.connect(ctx, x.config.Copy())
				<-ctx.Done()
				cancel()
			}
		}, 30},
		"a refused login, for an hour after the wait": {func(x *trial) {
			x.connects(time.Minute)
			x.secret.meanwhile(nil)
			x.connects(time.Hour)
		}, 1500},
	} {
		t.Run(name, func(t *testing.T) {
			try(t, func(x *trial) {
				x.source.Refused = nil
				x.secret.meanwhile(nil)
				test.demand(x)
				if reads := x.secret.count(); reads > test.most || reads < 5 {
					x.t.Errorf("%d reads, want %d at most", reads, test.most)
				}
			})
		})
	}
}

// The newer version logs in, and takes one connection.
func TestAVersionWithoutRoomLeavesTheRestToTheOlderOne(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Lifetime = time.Nanosecond
	config := s.config()
	config.MaxConns = 4
	pool := s.pool(config)
	old, err := s.user(pool)
	s.must(err)
	newer := postgrestest.Run(t)
	s.must(newer.LimitRole(t.Context(), 1))
	s.secret.put(newer.URL())
	eventually(t, "the pool has moved", func() bool {
		user, err := s.user(pool)
		return err == nil && user != old
	})
	held, err := pool.Acquire(t.Context())
	s.must(err)
	defer held.Release()
	for range 3 {
		conn, err := pool.Acquire(t.Context())
		s.must(err)
		defer conn.Release()
		var user string
		if err := conn.QueryRow(t.Context(), "select current_user").Scan(&user); err != nil || user != old {
			t.Errorf("user %s, %v", user, err)
		}
	}
}

// A login has proven the version, and the connection itself finds the last place taken.
func TestAConnectionThatFailsAfterItsProofIsAReasonForTheOlderVersion(t *testing.T) {
	try(t, func(x *trial) {
		x.accepted.Store("u1 u2")
		x.logsIn("u1")
		x.put("u2")
		time.Sleep(2 * time.Minute)
		other, config := x.logsIn("u2"), x.logsIn("u2")
		config.OnPgError(nil, &pgconn.PgError{Severity: "FATAL", Code: "53300"})
		if err := other.Config.AfterConnect(x.t.Context(), x.conn.PgConn()); err != nil { // it has the last place
			x.t.Fatal(err)
		}
		for range 5 {
			x.logsIn("u1")
		}
		time.Sleep(2 * time.Second)
		x.logsIn("u2")
		x.accepted.Store("u2")
		config.OnPgError(nil, &pgconn.PgError{Severity: "FATAL", Code: "53300"})
		x.logsIn("u2") // the older one is dead, and a moment is over soon
	})
}

// The version logs in: an error of a query says nothing against it.
func TestAQueryThatFailsIsNoReasonForTheOlderVersion(t *testing.T) {
	try(t, func(x *trial) {
		x.accepted.Store("u1 u2")
		x.logsIn("u1")
		x.put("u2")
		time.Sleep(2 * time.Minute)
		config := x.logsIn("u2")
		if err := config.Config.AfterConnect(x.t.Context(), x.conn.PgConn()); err != nil {
			x.t.Fatal(err)
		}
		config.OnPgError(nil, &pgconn.PgError{Severity: "ERROR", Code: "42501"})
		x.logsIn("u2")
	})
}

// A host name may have two addresses, of which one does not serve.
func TestAConnectionThatSucceedsAtItsSecondAddressIsNoReason(t *testing.T) {
	try(t, func(x *trial) {
		x.accepted.Store("u1 u2")
		x.logsIn("u1")
		x.put("u2")
		time.Sleep(2 * time.Minute)
		config := x.logsIn("u2")
		config.OnPgError(nil, &pgconn.PgError{Severity: "FATAL", Code: "57P03"})
		if err := config.Config.AfterConnect(x.t.Context(), x.conn.PgConn()); err != nil {
			x.t.Fatal(err)
		}
		x.logsIn("u2")
	})
}

// A tunnel is the pool's own, and URL knows nothing of it.
func TestAPoolsOwnDialIsNotAffectedByACallBesideIt(t *testing.T) {
	t.Parallel()
	s := open(t)
	u, err := url.Parse(s.db.URL())
	s.must(err)
	s.secret.put("postgres://" + u.User.String() + "@keepcurrent.invalid:5432" + u.RequestURI())
	s.source.Wait = time.Hour
	config := s.config()
	direct := config.ConnConfig.DialFunc
	config.ConnConfig.LookupFunc = func(context.Context, string) ([]string, error) { return []string{u.Hostname()}, nil }
	config.ConnConfig.DialFunc = func(ctx context.Context, network, _ string) (c net.Conn, err error) {
		return direct(ctx, network, u.Host)
	}
	pool := s.pool(config)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	beside := &waited{Context: ctx, waits: make(chan struct{})}
	go func() { _, _ = s.source.URL(beside) }()
	<-beside.waits
	if err := pool.Ping(patient(t)); err != nil {
		t.Error(err)
	}
}

// Each version's own parameters count, and none of the version that is in use.
func TestANewerVersionIsProvenWithItsOwnParameters(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		older, newer string
		moves        bool
	}{
		"a wrong value where the older one has a right one": {"?statement_timeout=5000", "?statement_timeout=no", false},
		"a role that the server does not have":              {"?target_session_attrs=read-write", "?target_session_attrs=standby", false},
		"a read-only database that may be one": {"?target_session_attrs=read-write",
			"?target_session_attrs=any&options=-c%20default_transaction_read_only%3Don", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.secret.put(s.db.URL() + test.older)
			newer := postgrestest.Run(t).URL() + test.newer
			if !test.moves {
				s.stays(newer)
				return
			}
			s.source.Lifetime = time.Nanosecond
			pool := s.pool(s.config())
			old, err := s.user(pool)
			s.must(err)
			s.secret.put(newer)
			eventually(t, "the pool has moved", func() bool {
				user, err := s.user(pool)
				s.must(err)
				return user != old
			})
		})
	}
}

func TestTheURLsParametersForPgxCount(t *testing.T) {
	s := open(t) // before the variables are set: the first database of the process removes them
	t.Setenv("PGAPPNAME", "environment")
	t.Setenv("PGTARGETSESSIONATTRS", "read-only")
	t.Setenv("PGOPTIONS", "-c search_path=environment")
	s.secret.put(s.db.URL() + "?application_name=url&target_session_attrs=any&connect_timeout=7&default_query_exec_mode=exec&statement_cache_capacity=3&description_cache_capacity=4")
	single, err := s.source.ConnConfig(t.Context())
	s.must(err)
	pooled := s.config()
	s.must(pooled.BeforeConnect(t.Context(), pooled.ConnConfig))
	for name, config := range map[string]*pgx.ConnConfig{"ConnConfig": single, "a pool's": pooled.ConnConfig} {
		if config.DefaultQueryExecMode != pgx.QueryExecModeExec || config.StatementCacheCapacity != 3 || config.DescriptionCacheCapacity != 4 ||
			config.ValidateConnect != nil || config.ConnectTimeout != 7*time.Second || config.RuntimeParams["application_name"] != "url" ||
			config.RuntimeParams["options"] != "-c search_path=environment" {
			t.Errorf("%s: mode %v, caches %d and %d, time-out %v, parameters %v", name, config.DefaultQueryExecMode,
				config.StatementCacheCapacity, config.DescriptionCacheCapacity, config.ConnectTimeout, config.RuntimeParams)
		}
	}
	own := s.config()
	own.ConnConfig.DefaultQueryExecMode, own.ConnConfig.StatementCacheCapacity, own.ConnConfig.DescriptionCacheCapacity = pgx.QueryExecModeDescribeExec, 5, 6
	own.ConnConfig.ConnectTimeout = 8 * time.Second
	own.ConnConfig.RuntimeParams["application_name"] = "caller"
	s.must(own.BeforeConnect(t.Context(), own.ConnConfig))
	if c := own.ConnConfig; c.DefaultQueryExecMode != pgx.QueryExecModeDescribeExec || c.StatementCacheCapacity != 5 || c.DescriptionCacheCapacity != 6 ||
		c.ConnectTimeout != 8*time.Second || c.RuntimeParams["application_name"] != "caller" {
		t.Error("what the caller set is gone")
	}
}

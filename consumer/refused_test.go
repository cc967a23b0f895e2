package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"keepcurrent.example/consumer"
)

// postgres is a Postgres in virtual time: it refuses all users but some.
type postgres struct {
	accepted atomic.Value // the users, a string with blanks between them
	code     atomic.Value // the SQLSTATE for all others, a string
	away     atomic.Bool
	slow     sync.Map // user: how long the server takes to answer
	mu       sync.Mutex
	asked    map[string]int // user: how often it has wanted to log in
}

// logins returns how often a user has wanted to log in since it was called last.
func (p *postgres) logins(user string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.asked[user]
	delete(p.asked, user)
	return n
}

func (p *postgres) dial(context.Context, string, string) (net.Conn, error) {
	if p.away.Load() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		backend := pgproto3.NewBackend(server, server)
		message, err := backend.ReceiveStartupMessage()
		if err != nil {
			return
		}
		user := message.(*pgproto3.StartupMessage).Parameters["user"]
		p.mu.Lock()
		p.asked[user]++
		p.mu.Unlock()
		if delay, ok := p.slow.Load(user); ok {
			time.Sleep(delay.(time.Duration))
		}
		if accepted, _ := p.accepted.Load().(string); !slices.Contains(strings.Fields(accepted), user) {
			backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: p.code.Load().(string), Message: "no"})
		} else {
			backend.Send(&pgproto3.AuthenticationOk{})
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		}
		if backend.Flush() == nil {
			_, _ = backend.Receive() // until the client has gone
		}
	}()
	return client, nil
}

type called struct {
	after   time.Duration // since the test began, when the call did
	version string
}

// trial is a source in virtual time whose server refuses it, and the calls of its hook.
type trial struct {
	*postgres
	t       *testing.T
	secret  *secret
	source  *consumer.Source
	config  *pgx.ConnConfig
	connect func(context.Context, *pgx.ConnConfig) error
	prepare func(context.Context, *pgx.Conn) (bool, error)
	conn    *pgx.Conn // of no pool's, for prepare
	began   time.Time
	during  func(ctx context.Context) // what the hook does; nil: nothing

	mu    sync.Mutex // guards what follows
	calls []called
	busy  bool // a call is under way
}

// try runs a test in virtual time. It panics if a goroutine of the source is there more
// than a minute, and the time of a call, after the test.
func try(t *testing.T, test func(*trial)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := &trial{postgres: &postgres{asked: make(map[string]int)}, t: t, secret: &secret{}, began: time.Now()}
		x.code.Store("28P01")
		x.put("u1")
		x.source = &consumer.Source{Client: x.secret, SecretID: "shop/database", Refused: x.refused}
		config, err := x.source.PoolConfig(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		x.connect, x.config = config.BeforeConnect, config.ConnConfig
		x.config.DialFunc = x.dial
		x.prepare, x.conn = config.PrepareConn, x.dialled()
		test(x)
		time.Sleep(time.Minute + 10*time.Second)
		synctest.Wait()
	})
}

func (x *trial) put(user string) {
	x.secret.put("postgres://" + user + ":pEXAMPLE@127.0.0.1/d?sslmode=disable")
}

func (x *trial) refused(ctx context.Context, secretID, version string) {
	x.mu.Lock()
	if x.busy || secretID != "shop/database" {
		x.t.Errorf("a call for %q, while another is under way: %t", secretID, x.busy)
	}
	x.busy = true
	x.calls = append(x.calls, called{time.Since(x.began), version})
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		x.busy = false
		x.mu.Unlock()
	}()
	if x.during != nil {
		x.during(ctx)
	}
}

// dialled is a connection that no source knows.
func (x *trial) dialled() *pgx.Conn {
	server := &postgres{asked: make(map[string]int)}
	server.accepted.Store("u")
	server.code.Store("28P01")
	config, err := pgx.ParseConfig("postgres://u@127.0.0.1/d?sslmode=disable")
	if err != nil {
		x.t.Fatal(err)
	}
	config.DialFunc = server.dial
	conn, err := pgx.ConnectConfig(x.t.Context(), config)
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// logsIn wants a connection within three seconds, and fails the test unless it is a user's.
func (x *trial) logsIn(user string) *pgx.ConnConfig {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), 3*time.Second)
	defer cancel()
	config := x.config.Copy()
	if err := x.connect(ctx, config); err != nil || config.User != user {
		x.t.Fatalf("user %s, want %s: %v", config.User, user, err)
	}
	return config
}

// connects wants a connection, one attempt after the other, for some time.
func (x *trial) connects(d time.Duration) {
	ctx, cancel := context.WithTimeout(x.t.Context(), d)
	defer cancel()
	for ctx.Err() == nil {
		if err := x.connect(ctx, x.config.Copy()); err == nil || errors.Is(err, consumer.ErrFull) {
			time.Sleep(time.Second) // these do not wait
		}
	}
}

// take returns the calls since it was called last.
func (x *trial) take() []called {
	x.mu.Lock()
	defer x.mu.Unlock()
	calls := x.calls
	x.calls = nil
	return calls
}

// between fails the test unless a time is between two others, both in seconds.
func (x *trial) between(what string, got time.Duration, low, high float64) {
	x.t.Helper()
	if got.Seconds() < low || got.Seconds() > high {
		x.t.Errorf("%s: after %v, want %v to %v s", what, got, low, high)
	}
}

func TestRefusedIsCalledAtGrowingIntervals(t *testing.T) {
	try(t, func(x *trial) {
		x.during = func(context.Context) { time.Sleep(3 * time.Second) }
		x.connects(20 * time.Minute)
		calls := x.take()
		if len(calls) < 20 {
			x.t.Fatalf("%d calls in 20 minutes: %v", len(calls), calls)
		}
		last, pause := time.Duration(0), 1.0
		for i, c := range calls {
			x.between(fmt.Sprint("call ", i+1), c.after-last, pause/2, 1.5*pause+0.1)
			if c.version != "version-1" {
				x.t.Errorf("call %d is about %s", i+1, c.version)
			}
			last, pause = c.after+3*time.Second, min(2*pause, 40)
		}
	})
}

// keepcurrent may know of another database.
func TestRefusedIsCalledWhateverTheRefusalIs(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"28P01", "3D000", "42501", "42704", "55000"} {
		t.Run(code, func(t *testing.T) {
			try(t, func(x *trial) {
				x.code.Store(code)
				x.connects(3 * time.Second)
				if calls := x.take(); len(calls) == 0 {
					x.t.Error("no call")
				}
			})
		})
	}
}

// The connection's caller gives up long before the first call is due. The search goes on.
func TestTheCallsEndSoonAfterTheSearch(t *testing.T) {
	try(t, func(x *trial) {
		x.connects(100 * time.Millisecond)
		time.Sleep(time.Hour)
		calls := x.take()
		if len(calls) == 0 {
			x.t.Fatal("no call")
		}
		x.between("the first call", calls[0].after, 0.5, 1.6)
		// At the latest, a fourth call just before the search ends, after ten seconds, has a fifth behind it,
		// 16 s later and half of that for the jitter.
		x.between("the last call", calls[len(calls)-1].after, 0.5, 35)
	})
}

// AWSCURRENT is dead, and somebody should know.
func TestRefusedIsCalledAlsoWhileAnOlderVersionServes(t *testing.T) {
	for name, demand := range map[string]func(x *trial){
		"new connections": func(x *trial) { x.connects(time.Minute) },
		"a pool in use": func(x *trial) {
			for range 60 {
				if _, err := x.prepare(x.t.Context(), x.conn); err != nil {
					x.t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			try(t, func(x *trial) {
				x.accepted.Store("u1")
				x.logsIn("u1")
				x.put("u2")
				time.Sleep(2 * time.Minute)
				demand(x)
				calls := x.take()
				if len(calls) < 2 || calls[0].version != "version-2" {
					x.t.Errorf("%v", calls)
				}
				x.logsIn("u1")
			})
		})
	}
}

func TestCallsStartOverWithANewVersion(t *testing.T) {
	try(t, func(x *trial) {
		x.during = func(ctx context.Context) { <-ctx.Done() } // no call outlives the refusal that it is about
		x.connects(5 * time.Minute)
		x.take()
		x.put("u2")
		changed := time.Since(x.began)
		x.connects(20 * time.Second)
		calls := slices.DeleteFunc(x.take(), func(c called) bool { return c.version == "version-1" }) // before u2 was read
		if len(calls) == 0 {
			x.t.Error("no call")
			return
		}
		x.between("the call", calls[0].after-changed, 0.5, 16)
	})
}

func TestALoginEndsTheCalls(t *testing.T) {
	try(t, func(x *trial) {
		x.connects(5 * time.Minute)
		x.accepted.Store("u1")
		x.connects(time.Second)
		x.take()
		x.connects(5 * time.Minute)
		if calls := x.take(); len(calls) > 0 {
			x.t.Errorf("the credential works, and the hook was called: %v", calls)
		}
		synctest.Wait() // the last search may have just begun, and would log in
		x.accepted.Store("")
		refused := time.Since(x.began)
		x.connects(2 * time.Second)
		calls := x.take()
		if len(calls) == 0 {
			x.t.Fatal("no call")
		}
		x.between("the call", calls[0].after-refused, 0.5, 1.6)
	})
}

func TestNoCallWithoutARefusalThatARereadDoesNotCure(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*trial){
		"a newer version logs in": func(x *trial) {
			x.accepted.Store("u2")
			x.secret.meanwhile(func(_ context.Context, read int) error {
				if read == 2 { // the read at the refusal shows nothing yet
					x.put("u2")
				}
				return nil
			})
		},
		"the server is full":        func(x *trial) { x.code.Store("53300") },
		"the server is unreachable": func(x *trial) { x.away.Store(true) },
		"the secret cannot be read": func(x *trial) {
			x.secret.meanwhile(func(context.Context, int) error { return errors.New("away") })
		},
		"no hook": func(x *trial) { x.source.Refused = nil },
	} {
		t.Run(name, func(t *testing.T) {
			try(t, func(x *trial) {
				change(x)
				x.connects(time.Minute)
				if calls := x.take(); len(calls) > 0 {
					x.t.Errorf("%v", calls)
				}
			})
		})
	}
}

// The last read before a call is the first to show the newer version.
func TestARefusalThatANewerVersionHasSettledIsNotCalledAbout(t *testing.T) {
	try(t, func(x *trial) {
		x.accepted.Store("u1 u3")
		x.logsIn("u1")
		x.put("u2")
		time.Sleep(2 * time.Minute)
		x.logsIn("u1") // u2 is refused, and this ends the search
		x.put("u3")
		x.secret.meanwhile(nil)
		time.Sleep(10 * time.Second)
		if calls := x.take(); len(calls) > 0 || x.secret.count() == 0 {
			x.t.Errorf("%d reads, and calls %v", x.secret.count(), calls)
		}
		x.logsIn("u3")
	})
}

// A neighbour of the URL in the secret has changed.
func TestACallNamesTheVersionThatIsCurrent(t *testing.T) {
	try(t, func(x *trial) {
		x.secret.meanwhile(func(context.Context, int) error {
			x.put("u1")
			return nil
		})
		x.connects(2 * time.Second)
		calls := x.take()
		if len(calls) == 0 || calls[0].version == "version-1" {
			x.t.Errorf("%v", calls)
		}
	})
}

func TestAPanicInRefusedIsNoMoreThanALostCall(t *testing.T) {
	try(t, func(x *trial) {
		x.during = func(context.Context) { panic("EXAMPLE") }
		x.connects(time.Minute)
		if calls := x.take(); len(calls) < 4 {
			x.t.Errorf("%v", calls)
		}
	})
}

func TestTheContextOfACallEndsAfterTenSeconds(t *testing.T) {
	try(t, func(x *trial) {
		took := make(chan time.Duration, 100)
		x.during = func(ctx context.Context) {
			began := time.Now()
			<-ctx.Done()
			took <- time.Since(began)
		}
		x.connects(time.Second)
		x.between("the end of the context", <-took, 10, 10)
	})
}

func TestNoConnectionWaitsForRefused(t *testing.T) {
	try(t, func(x *trial) {
		release := make(chan struct{})
		x.during = func(ctx context.Context) { // ignores its context
			if _, open := <-release; !open {
				return
			}
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				x.t.Errorf("the context: %v", ctx.Err())
			}
		}
		for range 3 {
			began := time.Now()
			if err := x.connect(x.t.Context(), x.config.Copy()); !errors.Is(err, consumer.ErrRefused) {
				x.t.Errorf("got %v", err)
			}
			x.between("a connection's error", time.Since(began), 0, 13)
		}
		if calls := x.take(); len(calls) != 1 {
			x.t.Errorf("%v", calls)
		}
		time.Sleep(10 * time.Second) // the time of a call, in virtual time
		release <- struct{}{}
		close(release)
	})
}

// Here the hook does what keepcurrent would.
func TestRefusedCanBringTheNewVersion(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Refused = func(_ context.Context, secretID, version string) {
		if secretID != "shop/database" || version != "version-1" {
			t.Errorf("called for %q, %q", secretID, version)
		}
		s.publish()
	}
	pool := s.pool(s.config())
	s.works(pool)
	s.must(s.db.Rotate(t.Context()))
	pool.Reset()
	s.works(pool)
}

func TestConnConfigIsProven(t *testing.T) {
	t.Parallel()
	s := open(t)
	logsIn := func() {
		t.Helper()
		config, err := s.source.ConnConfig(t.Context())
		s.must(err)
		conn, err := pgx.ConnectConfig(t.Context(), config)
		s.must(err)
		s.must(conn.Ping(t.Context()))
		s.must(conn.Close(t.Context()))
	}
	logsIn()
	s.must(s.db.Rotate(t.Context()))
	s.publishAt(3)
	logsIn()
	s.source.Wait = time.Nanosecond
	s.must(s.db.Rotate(t.Context()))
	config, err := s.source.ConnConfig(t.Context())
	if config != nil || !errors.Is(err, consumer.ErrRefused) {
		t.Errorf("a dead credential: %v", err)
	}
	silent(t, s, err)
}

func TestConnConfigNeedsASecret(t *testing.T) {
	t.Parallel()
	source := &consumer.Source{Client: &secret{value: "EXAMPLE"}, SecretID: "shop/database"}
	if config, err := source.ConnConfig(t.Context()); config != nil || !errors.Is(err, consumer.ErrFormat) {
		t.Errorf("got %v", err)
	}
}

package consumer_test

import (
	"flag"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/stacktest"
)

var proof = flag.Int("proof", 0, "how often TestProof rotates with and without a grace time, beside the other ways to read the secret; 0: three times, alone")

// watched is how long the other ways are watched after the secret is right.
const watched = 2 * time.Second

// stage is a whole stack, an app whose database rotates, and the secret that follows it.
type stage struct {
	*stacktest.Stack
	t      *testing.T
	addon  *herokutest.AddOn
	db     *postgrestest.Database
	secret string // its ARN
	moved  chan time.Time
	crowds []*crowd // of the ways
	ways   []way
}

// TestProof rotates the credential of a pool that is in use all the time. With a grace
// time no query may fail. When the old credential is killed at once, a query may fail
// only after the kill, and only if it began before the secret was right and one more
// login had passed.
func TestProof(t *testing.T) {
	s := raise(t)
	rotations := 3
	if *proof > 0 {
		rotations = *proof
		s.ways = append(s.ways, rivals...)
	}
	s.gather()
	for _, rotate := range []func() outcome{s.withGrace, s.atOnce} {
		var outcomes []outcome
		for range rotations {
			s.revive()
			outcomes = append(outcomes, rotate())
		}
		s.t.Log("\n" + table(s.ways, outcomes))
	}
}

func raise(t *testing.T) *stage {
	t.Helper()
	dir := t.TempDir()
	s := &stage{t: t, moved: make(chan time.Time, 1), ways: []way{ours}}
	s.must(stacktest.Build(t.Context(), dir))
	var err error
	s.Stack, err = stacktest.Start(t.Context(), stacktest.Config{Functions: dir})
	s.must(err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		for _, leak := range s.Leaks() {
			t.Error(leak)
		}
	})
	s.db, err = s.Database(t.Context())
	s.must(err)
	app := s.Heroku.CreateApp("shop")
	s.addon = s.Heroku.Provision(app, s.db)
	s.secret, err = s.Bind(t.Context(), app.Name, "shop/database", "heroku:format=url")
	s.must(err)
	_, err = s.Poll(t.Context())
	s.must(err)
	s.must(s.Subscribe(t.Context(), app.Name))
	s.Secrets.Intercept(s.clock)
	return s
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// clock records when AWSCURRENT has moved, before the webhook has the answer.
func (s *stage) clock(c secretstest.Call) secretstest.Fault {
	if c.Action != "UpdateSecretVersionStage" {
		return nil
	}
	return func(w http.ResponseWriter, r *http.Request, work http.Handler) {
		work.ServeHTTP(w, r)
		select {
		case s.moved <- time.Now():
		default:
		}
	}
}

func (s *stage) gather() {
	for _, w := range s.ways {
		c := gather(s.t.Context(), s.open(w))
		s.t.Cleanup(c.disperse)
		s.crowds = append(s.crowds, c)
	}
}

func (s *stage) open(w way) *pgxpool.Pool {
	s.t.Helper()
	pool, err := w.open(s.t.Context(), s)
	s.must(err)
	return pool
}

// revive restarts the other ways, because most fail after a rotation, and waits until
// all work.
func (s *stage) revive() {
	s.t.Helper()
	for i, w := range s.ways[1:] {
		s.crowds[i+1].use(s.open(w))
	}
	now := time.Now()
	for _, c := range s.crowds {
		eventually(s.t, "the workers are well", func() bool { return c.well(now, "") })
	}
	for _, c := range s.crowds {
		c.take()
	}
	select {
	case <-s.moved:
	default:
	}
}

// outcome is one rotation.
type outcome struct {
	killed  time.Time     // just before the old credential was
	moved   time.Time     // AWSCURRENT had
	login   time.Duration // one, and the read before it
	queries [][]query     // of each way
}

// atOnce rotates the default credential: the old password is dead and its sessions
// are cut before Heroku even shows the new one.
func (s *stage) atOnce() (o outcome) {
	o.killed = time.Now()
	s.must(s.addon.Rotate(s.t.Context()))
	right := s.followed(&o)
	s.collect(&o, right, "")
	for _, q := range failures(o.queries[0]) {
		if q.ended.Before(o.killed) || q.began.After(right) {
			s.t.Errorf("a query failed from %v to %v after the kill, when the secret was right after %v: %v",
				q.began.Sub(o.killed), q.ended.Sub(o.killed), right.Sub(o.killed), q.err)
		}
	}
	return o
}

// withGrace rotates another credential: a new user takes the place of the old one,
// which lives on for a while.
func (s *stage) withGrace() (o outcome) {
	u, err := url.Parse(s.db.URL())
	s.must(err)
	old := u.User.Username()
	end, err := s.addon.RotateWithGrace(s.t.Context())
	s.must(err)
	right := s.followed(&o)
	eventually(s.t, "this package's pool has moved", func() bool { return s.crowds[0].well(right, old) })
	o.killed = time.Now()
	s.must(end(s.t.Context()))
	s.collect(&o, time.Now(), old)
	for _, q := range failures(o.queries[0]) {
		s.t.Errorf("a query failed %v after the end of the grace time: %v", q.ended.Sub(o.killed), q.err)
	}
	return o
}

// followed waits for AWSCURRENT, restarts the ways that need a restart, and returns when
// a program that reads the secret has logged in.
func (s *stage) followed(o *outcome) time.Time {
	s.t.Helper()
	select {
	case o.moved = <-s.moved:
	case <-time.After(time.Minute):
		s.t.Fatal("the secret did not follow")
	}
	restarted := make(chan error, 1)
	go func() { restarted <- s.restart() }()
	began := time.Now()
	value, err := s.Value(s.t.Context(), s.secret)
	s.must(err)
	conn, err := pgconn.Connect(s.t.Context(), value)
	s.must(err)
	now := time.Now()
	o.login = now.Sub(began)
	s.must(conn.Close(s.t.Context()))
	s.must(<-restarted)
	return now
}

func (s *stage) restart() error {
	for i, w := range s.ways {
		if !w.restarts {
			continue
		}
		pool, err := w.open(s.t.Context(), s)
		if err != nil {
			return err
		}
		s.crowds[i].use(pool)
	}
	return nil
}

// collect waits until this package's pool works again, watches the others for a while and
// collects all queries.
func (s *stage) collect(o *outcome, since time.Time, old string) {
	s.t.Helper()
	eventually(s.t, "this package's pool is well", func() bool { return s.crowds[0].well(since, old) })
	if len(s.ways) > 1 {
		time.Sleep(watched) // others never recover; this is how long they are watched
	}
	for _, c := range s.crowds {
		o.queries = append(o.queries, c.take())
	}
}

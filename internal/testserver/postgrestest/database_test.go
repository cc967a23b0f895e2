package postgrestest

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestURLIsWrittenAsHerokuWritesIt(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, c *Cluster) {
		form := regexp.MustCompile(`^postgres://u[a-z0-9]{13}:p[a-z0-9]{64}@127\.0\.0\.\d+:\d+/d[a-z0-9]{13}$`)
		if got := newDatabase(t, c).URL(); !form.MatchString(got) {
			t.Errorf("URL %q does not look like Heroku's", got)
		}
	})
}

func TestLoginNeedsTLS(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, c *Cluster) {
		d := newDatabase(t, c)
		must(t, use(t, mustLogin(t, d.URL()), "CREATE TABLE t (n int)"))
		_, err := loginBy(t, d.URL(), false)
		wantState(t, err, "28000")
		u, _ := url.Parse(d.URL())
		for _, want := range []string{"no pg_hba.conf entry", "no encryption", u.User.Username(), u.Path[1:]} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("a login without TLS says %q, want %q in it", err, want)
			}
		}
	})
}

func TestRotateKillsThePasswordAndItsSessions(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, c *Cluster) {
		d := newDatabase(t, c)
		old := d.URL()
		session := mustLogin(t, old)
		must(t, d.Rotate(t.Context()))
		wantState(t, use(t, session, "SELECT 1"), "57P01")
		_, err := login(t, old)
		wantState(t, err, "28P01")
		mustLogin(t, d.URL())
		before, _ := url.Parse(old)
		now, _ := url.Parse(d.URL())
		if before.User.Username() != now.User.Username() || before.Host != now.Host || before.Path != now.Path {
			t.Error("more than the password changed")
		}
	})
}

func TestRotateUserLeavesTheOldOneUntilItsEnd(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, c *Cluster) {
		d := newDatabase(t, c)
		old := d.URL()
		session := mustLogin(t, old)
		must(t, use(t, session, "CREATE TABLE t (n int)"))
		end, err := d.RotateUser(t.Context())
		must(t, err)
		must(t, use(t, session, "SELECT 1"))
		mustLogin(t, old)
		must(t, use(t, mustLogin(t, d.URL()), "ALTER TABLE t ADD COLUMN m int; CREATE TABLE s (n int)"))
		must(t, end(t.Context()))
		wantState(t, use(t, session, "SELECT 1"), "57P01")
		_, err = login(t, old)
		wantState(t, err, "28000")
		mustLogin(t, d.URL())
	})
}

func TestPasswordsRemembersAll(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, given(t))
	var want []string
	note := func() {
		u, _ := url.Parse(d.URL())
		password, _ := u.User.Password()
		want = append(want, password)
	}
	note()
	must(t, d.Rotate(t.Context()))
	note()
	_, err := d.RotateUser(t.Context())
	must(t, err)
	note()
	must(t, d.Rotate(t.Context()))
	note()
	if got := d.Passwords(); !slices.Equal(got, want) {
		t.Errorf("got %d passwords, want the %d of its URLs", len(got), len(want))
	}
}

func TestFailOverMovesTheAddress(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, c *Cluster) {
		d := newDatabase(t, c)
		for range 3 {
			old := d.URL()
			session := mustLogin(t, old)
			must(t, d.FailOver(t.Context()))
			if use(t, session, "SELECT 1") == nil {
				t.Error("a session through the old address lives on")
			}
			if _, err := login(t, old); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("the old address gives %v, want connection refused", err)
			}
			mustLogin(t, d.URL())
		}
	})
}

func TestRefuseIsAnOutageUntilAccept(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, c *Cluster) {
		d := newDatabase(t, c)
		at := d.URL()
		for range 3 {
			session := mustLogin(t, at)
			must(t, d.Refuse())
			must(t, d.Refuse())
			if use(t, session, "SELECT 1") == nil {
				t.Error("a session lives on")
			}
			if _, err := login(t, at); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("the address gives %v, want connection refused", err)
			}
			must(t, d.Accept())
			must(t, d.Accept())
		}
		mustLogin(t, at)
		must(t, d.Refuse())
		must(t, d.FailOver(t.Context()))
		mustLogin(t, d.URL())
	})
}

func TestSessionsCountsThoseOfAllRoles(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, c *Cluster) {
		d, other := newDatabase(t, c), newDatabase(t, c)
		first := mustLogin(t, d.URL())
		_, err := d.RotateUser(t.Context())
		must(t, err)
		second := mustLogin(t, d.URL())
		mustLogin(t, other.URL())
		wantSessions(t, d, 2)
		soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := d.Idle(soon); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with two sessions open Idle ends with %v", err)
		}
		must(t, first.Close(t.Context()))
		must(t, second.Close(t.Context()))
		must(t, d.Idle(t.Context()))
		wantSessions(t, d, 0)
	})
}

func wantSessions(t *testing.T, d *Database, want int) {
	t.Helper()
	got, err := d.sessions(t.Context())
	must(t, err)
	if got != want {
		t.Errorf("got %d sessions, want %d", got, want)
	}
}

func TestURLCanBeReadDuringRotations(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, given(t))
	done := make(chan error)
	go func() { done <- d.Rotate(context.WithoutCancel(t.Context())) }()
	go func() { done <- d.Rotate(context.WithoutCancel(t.Context())) }()
	for finished := 0; finished < 2; {
		select {
		case err := <-done:
			must(t, err)
			finished++
		default:
			d.URL()
		}
	}
	mustLogin(t, d.URL())
}

func TestCancelRequestReachesTheServer(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, c *Cluster) {
		d := newDatabase(t, c)
		conn := mustLogin(t, d.URL())
		result := conn.Exec(t.Context(), "SELECT pg_sleep(60)")
		waitUntil(t, "the server is at it", func() bool {
			active, err := c.server.run(t.Context(), `SELECT pid FROM pg_stat_activity
				WHERE state = 'active' AND usename = '`+d.owner+`'`)
			must(t, err)
			return len(active) == 1
		})
		must(t, conn.CancelRequest(t.Context()))
		_, err := result.ReadAll()
		wantState(t, err, "57014")
	})
}

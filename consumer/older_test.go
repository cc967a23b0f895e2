package consumer_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"keepcurrent.example/consumer"
)

// moved is a trial whose pool has moved from u1 to u2. Both log in.
func moved(t *testing.T, test func(*trial)) {
	t.Helper()
	try(t, func(x *trial) {
		x.accepted.Store("u1 u2")
		x.logsIn("u1")
		x.put("u2")
		time.Sleep(2 * time.Minute)
		x.logsIn("u2")
		x.logsIn("u2")
		x.logins("u1")
		x.logins("u2")
		test(x)
	})
}

// fails wants a connection, and fails the test if there is one. It returns how long that took.
func (x *trial) fails() time.Duration {
	x.t.Helper()
	began := time.Now()
	if err := x.connect(x.t.Context(), x.config.Copy()); err == nil {
		x.t.Fatal("a connection")
	}
	return time.Since(began)
}

// uses acquires the trial's connection, and fails the test unless it is used or, if it must not
// be, retired.
func (x *trial) uses(want bool) {
	x.t.Helper()
	ctx, cancel := context.WithCancel(x.t.Context())
	defer cancel() // who acquires a connection may have a context for no more than that
	if got, err := x.prepare(ctx, x.conn); err != nil || got != want {
		x.t.Errorf("used %t, want %t: %v", got, want, err)
	}
}

// opens makes the trial's connection one of a user's.
func (x *trial) opens(user string) {
	x.t.Helper()
	if err := x.logsIn(user).Config.AfterConnect(x.t.Context(), x.conn.PgConn()); err != nil {
		x.t.Fatal(err)
	}
}

func TestTheVersionThatWasInUseBeforeServesWhenTheNewerOneFails(t *testing.T) {
	for name, before := range map[string]func(*trial){
		"at once": func(*trial) {},
		"after both have failed for a moment": func(x *trial) {
			x.code.Store("57P03")
			x.accepted.Store("")
			x.fails()
			x.code.Store("28P01")
		},
		"after a third one was refused": func(x *trial) {
			x.put("u3")
			time.Sleep(2 * time.Minute)
			x.logsIn("u2")
			if x.logins("u3") == 0 {
				x.t.Error("u3 was not tried")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			moved(t, func(x *trial) {
				before(x)
				x.accepted.Store("u1")
				x.logsIn("u1")
				x.opens("u1")
				for range 3 {
					x.uses(true) // it is the one in use, and not outdated
				}
			})
		})
	}
}

// A password that is refused again and again costs the server, and may lock the account.
func TestTheVersionThatWasInUseBeforeIsForgottenWhenItIsRefused(t *testing.T) {
	moved(t, func(x *trial) {
		x.accepted.Store("")
		x.fails()
		if n := x.logins("u1"); n != 1 {
			x.t.Errorf("%d logins with the older version, want 1", n)
		}
		x.fails()
		if n := x.logins("u1"); n != 0 {
			x.t.Errorf("%d logins with the older version that was refused", n)
		}
	})
}

func TestANewerVersionThatIsRefusedIsTriedAtGrowingIntervals(t *testing.T) {
	for name, demand := range map[string]func(*trial){
		"by new connections": func(x *trial) { x.logsIn("u1") },
		"by a pool in use":   func(x *trial) { x.uses(true) },
	} {
		t.Run(name, func(t *testing.T) {
			try(t, func(x *trial) {
				x.source.Refused = nil
				x.accepted.Store("u1")
				x.logsIn("u1")
				x.put("u2")
				time.Sleep(2 * time.Minute)
				for range 600 {
					demand(x)
					time.Sleep(time.Second)
				}
				if n := x.logins("u2"); n < 10 || n > 20 { // after 0, 1, 3, 7, … seconds, and then once a minute
					x.t.Errorf("%d logins in ten minutes", n)
				}
			})
		})
	}
}

// A new connection tries the newer version first, and waits for it half a second.
func TestASilentNewerHostDelaysFewConnections(t *testing.T) {
	try(t, func(x *trial) {
		x.accepted.Store("u1")
		x.logsIn("u1")
		x.slow.Store("u2", time.Minute)
		x.put("u2")
		time.Sleep(2 * time.Minute)
		delayed := 0
		for range 100 {
			began := time.Now()
			x.logsIn("u1")
			if time.Since(began) >= 500*time.Millisecond {
				delayed++
			}
			time.Sleep(100 * time.Millisecond)
		}
		if delayed == 0 || delayed > 6 {
			x.t.Errorf("%d of 100 connections were delayed", delayed)
		}
	})
}

// A pool whose connections live on opens no new ones.
func TestAPoolInUseMovesToANewerVersionWithoutANewConnection(t *testing.T) {
	for name, due := range map[string]time.Duration{"that a read brings": 2 * time.Minute, "that is known already": 0} {
		t.Run(name, func(t *testing.T) {
			try(t, func(x *trial) {
				x.accepted.Store("u1 u2")
				x.opens("u1")
				x.uses(true)
				x.logins("u1")
				for range 10 {
					x.uses(true)
					time.Sleep(time.Second)
				}
				if n := x.logins("u1"); n > 0 {
					x.t.Errorf("%d logins, and there is nothing to prove", n)
				}
				x.put("u2")
				if due == 0 {
					time.Sleep(2 * time.Minute)
					if _, err := x.source.PoolConfig(x.t.Context()); err != nil { // another pool reads it
						x.t.Fatal(err)
					}
				}
				time.Sleep(due)
				x.slow.Store("u2", time.Second)
				x.uses(true)
				time.Sleep(3 * time.Second)
				if n := x.logins("u2"); n != 1 {
					x.t.Errorf("%d logins with the newer version, want 1", n)
				}
				x.uses(false)
				x.opens("u2")
				x.uses(true)
				x.uses(true)
			})
		})
	}
}

func TestANewWaitBeginsWhenAVersionHasLoggedIn(t *testing.T) {
	for name, wait := range map[string]time.Duration{"the default": 0, "three seconds": 3 * time.Second, "half a minute": 30 * time.Second} {
		t.Run(name, func(t *testing.T) {
			try(t, func(x *trial) {
				x.source.Wait = wait
				if wait == 0 {
					wait = 10 * time.Second
				}
				x.between("the first error", x.fails(), wait.Seconds(), wait.Seconds()+6)
				x.between("the next error", x.fails(), 0, 3)
				x.accepted.Store("u1")
				x.logsIn("u1")
				x.accepted.Store("")
				x.between("the error after a login", x.fails(), wait.Seconds(), wait.Seconds()+6)
			})
		})
	}
}

// Many processes that were started at the same time must not read at the same time.
func TestTheTimeBetweenTwoReadsIsALifetimeOrHalfOfOne(t *testing.T) {
	for name, lifetime := range map[string]time.Duration{"the default": 0, "ten minutes": 10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			try(t, func(x *trial) {
				x.source.Lifetime = lifetime
				if lifetime == 0 {
					lifetime = time.Minute
				}
				x.accepted.Store("u1")
				x.logsIn("u1")
				time.Sleep(lifetime)
				var mu sync.Mutex // guards what follows
				var read time.Time
				var pauses []time.Duration
				x.secret.meanwhile(func(context.Context, int) error {
					mu.Lock()
					defer mu.Unlock()
					if !read.IsZero() {
						pauses = append(pauses, time.Since(read))
					}
					read = time.Now()
					return errors.New("away") // which makes no difference
				})
				enough := func() bool {
					mu.Lock()
					defer mu.Unlock()
					return len(pauses) >= 100
				}
				for !enough() {
					x.uses(true)
					time.Sleep(lifetime / 100)
				}
				mu.Lock()
				defer mu.Unlock()
				low, high := slices.Min(pauses).Seconds()/lifetime.Seconds(), slices.Max(pauses).Seconds()/lifetime.Seconds()
				if low < 0.5 || low > 0.6 || high < 0.9 || high > 1.02 {
					x.t.Errorf("between two reads there are %.2f to %.2f lifetimes", low, high)
				}
			})
		})
	}
}

func TestARefusalOfAnOlderVersionIsSaidOfTheNewest(t *testing.T) {
	moved(t, func(x *trial) {
		x.accepted.Store("")
		err := x.connect(x.t.Context(), x.config.Copy())
		if e, ok := err.(*consumer.Error); !ok || e.Version != "version-2" { // not wrapped: Lambda reports the type
			x.t.Errorf("got %T: %v", err, err)
		}
	})
}

// The server may have been in the middle of a start, or the network away.
func TestAFailureThatIsNoRefusalIsTriedAgain(t *testing.T) {
	for name, spoil := range map[string]func(*trial){
		"no connection":                    func(x *trial) { x.away.Store(true) },
		"an answer that no Postgres gives": func(x *trial) { x.code.Store("28pEXAMPLE") },
	} {
		t.Run(name, func(t *testing.T) {
			try(t, func(x *trial) {
				spoil(x)
				go func() {
					time.Sleep(2 * time.Second)
					x.accepted.Store("u1")
					x.away.Store(false)
				}()
				if err := x.connect(x.t.Context(), x.config.Copy()); err != nil {
					x.t.Error(err)
				}
			})
		})
	}
}

// Several pools of one source begin at the same time.
func TestAllWhoNeedAReadAtTheSameTimeShareIt(t *testing.T) {
	try(t, func(x *trial) {
		source := &consumer.Source{Client: x.secret, SecretID: "shop/database"}
		x.secret.meanwhile(func(ctx context.Context, _ int) error { return sleep(ctx, 100*time.Millisecond) })
		for range 5 {
			go func() {
				if _, err := source.PoolConfig(x.t.Context()); err != nil {
					x.t.Error(err)
				}
			}()
		}
		time.Sleep(time.Second)
		if reads := x.secret.count(); reads != 1 {
			x.t.Errorf("%d reads", reads)
		}
	})
}

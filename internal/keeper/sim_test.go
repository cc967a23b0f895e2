package keeper_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/keeper"
)

var (
	simSeed = flag.Uint64("sim.seed", 0, "replay this seed of the simulation, with its trace")
	soak    = flag.Duration("sim.soak", 0, "run the simulation with fresh seeds for so long")
)

// password is in every URL of the simulation, for the search of the logs.
const password = "pSIM"

// history is one run of the world from one seed.
type history struct {
	*world
	r    *rand.Rand
	seed uint64
	runs sync.WaitGroup
	log  bytes.Buffer
	mu   sync.Mutex // guards log
	last string     // the newest URL
	urls int
	// wrong makes a keeper wrong in one point, for the controls.
	wrong func(*keeper.Keeper, *actor)
}

// play runs the history of a seed to its end, in virtual time.
func play(seed uint64, tracing bool, wrong func(*keeper.Keeper, *actor)) *history {
	r := rand.New(rand.NewPCG(seed, 0))
	h := &history{world: newWorld(1+r.IntN(2), tracing), r: r, seed: seed, wrong: wrong}
	h.change(h.fresh(), time.Time{})
	polling, stop := context.WithCancel(context.Background())
	h.runs.Go(func() { h.poll(polling) })
	for range 3 + r.IntN(4) {
		time.Sleep(time.Duration(r.Int64N(int64(90 * time.Second))))
		h.happen()
	}
	time.Sleep(time.Duration(r.Int64N(int64(time.Minute))))
	stop()
	h.runs.Wait()
	time.Sleep(10 * time.Minute) // until every late request has arrived and the list is up to date
	if h.run("quiet poll", false, poll) {
		h.settled()
	}
	if strings.Contains(h.log.String(), password) {
		h.breaks("a credential is in the log")
	}
	return h
}

func (h *history) fresh() string {
	h.urls++
	return fmt.Sprintf("postgres://u:%s%d@db-%d.example:5432/d", password, h.urls, h.urls)
}

// change makes Heroku show a URL that logs in from a time on (zero: at once).
func (h *history) change(url string, from time.Time) {
	h.locked(func() {
		if h.logins[url] == nil {
			h.logins[url] = &lifetime{from: from}
		}
	})
	h.last = url
	h.show(url)
}

func (h *history) locked(f func()) {
	h.world.mu.Lock()
	defer h.world.mu.Unlock()
	f()
}

// happen lets Heroku do one of the things that it does.
func (h *history) happen() {
	now, short := time.Now(), time.Duration(h.r.Int64N(int64(5*time.Second)))
	old := h.last
	switch h.r.IntN(6) {
	case 0: // a rotation; the old credential dies at once, and the new one may be shown late
		h.locked(func() { h.logins[old].until = now })
		h.announce()
		time.Sleep(short)
		h.change(h.fresh(), time.Time{})
	case 1: // a rotation with a grace time
		h.locked(func() { h.logins[old].until = now.Add(time.Minute + 10*short) })
		h.change(h.fresh(), time.Time{})
	case 2: // a failover; the old host is gone, and the new one comes up
		h.locked(func() { h.logins[old].until, h.logins[old].unreachable = now, true })
		url := h.fresh()
		h.locked(func() { h.logins[url] = &lifetime{from: now.Add(short), unreachable: true} })
		h.change(url, time.Time{})
	case 3: // a credential that is shown before it logs in
		h.locked(func() { h.logins[old].until = now.Add(short) })
		h.change(h.fresh(), now.Add(2*short))
	case 4: // a promotion, with no config var in between, of a new database or of one that was there
		h.show("")
		h.announce()
		time.Sleep(short)
		h.change(h.promotable(), time.Time{})
	case 5: // a deploy
	}
	h.announce()
}

// promotable is a URL that logs in: an old one or a fresh one.
func (h *history) promotable() string {
	for _, url := range h.shown[:len(h.shown)-1] {
		if url != "" && url != h.last && h.logins[url].until.IsZero() && h.r.IntN(2) == 0 {
			return url
		}
	}
	return h.fresh()
}

// announce sends the two events of a release; each may be lost, doubled or late.
func (h *history) announce() {
	h.urls++ // a name for the runs, too
	for _, action := range []string{"create", "update"} {
		for copy := range h.r.IntN(3) {
			name := fmt.Sprintf("webhook %d %s %d", h.urls, action, copy)
			delay := latency(h.r)
			h.runs.Go(func() {
				time.Sleep(delay)
				if !h.run(name, true, update) { // Heroku tries again
					time.Sleep(30 * time.Second)
					h.run(name+" again", true, update)
				}
			})
		}
	}
}

// update is a run of the webhook.
func update(k *keeper.Keeper, ctx context.Context) ([]keeper.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, 27*time.Second)
	defer cancel()
	k.Patience = 10 * time.Second
	var bindings []binding.Binding
	secrets, err := k.Secrets.List(ctx)
	for _, s := range secrets {
		b, _ := binding.Of(s)
		bindings = append(bindings, b)
	}
	return k.Update(ctx, source, bindings), err
}

func poll(k *keeper.Keeper, ctx context.Context) ([]keeper.Result, error) {
	return k.Poll(ctx, keeper.Round{})
}

// poll runs a poller every minute, also if the one before is still at work.
func (h *history) poll(ctx context.Context) {
	for n := 0; wait(ctx, time.Minute); n++ {
		h.runs.Go(func() { h.run(fmt.Sprint("poller ", n), true, poll) })
	}
}

// run is one run of a function, and reports whether it did all it had to.
func (h *history) run(name string, faults bool, what func(*keeper.Keeper, context.Context) ([]keeper.Result, error)) (ok bool) {
	a := newActor(h.world, h.seed, name, faults)
	k := &keeper.Keeper{Secrets: a, Heroku: func(string) keeper.Heroku { return a }, Database: a, Keys: keys("key-EXAMPLE")}
	k.SetJitter(func(pause time.Duration) time.Duration {
		a.live()
		return pause/2 + time.Duration(a.draw("pause").Int64N(int64(pause/2)))
	})
	if h.wrong != nil {
		h.wrong(k, a)
	}
	done := make(chan struct{})
	go func() { // a goroutine of its own, which a death ends
		defer close(done)
		results, err := what(k, context.Background())
		a.live()
		ok = h.judge(results, err)
	}()
	<-done
	if !ok {
		h.locked(func() { h.cut++ })
	}
	return ok
}

// judge logs the results as the functions do.
func (h *history) judge(results []keeper.Result, err error) (ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	log := slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	log.Info("run", "error", err)
	ok = err == nil
	for _, r := range results {
		r.Log(context.Background(), log)
		ok = ok && (r.Outcome == keeper.Published || r.Outcome == keeper.Unchanged)
	}
	return ok
}

// simulate plays the seeds, and fails the test with the whole trace of the first
// that breaks the promise.
func simulate(t *testing.T, total *statistics, seeds func() (seed uint64, more bool)) {
	synctest.Test(t, func(t *testing.T) {
		for seed, more := seeds(); more && !t.Failed(); seed, more = seeds() {
			h := play(seed, *simSeed != 0, nil)
			total.add(h)
			if len(h.broken) > 0 {
				h = play(seed, true, nil)
				t.Errorf("seed %d breaks the promise; replay it with: go test ./internal/keeper -run TestSimulation -sim.seed %d\n%s\n\n%s",
					seed, seed, strings.Join(h.broken, "\n"), strings.Join(h.trace, "\n"))
			} else if *simSeed != 0 {
				t.Log(strings.Join(h.trace, "\n"))
			}
		}
	})
}

type statistics struct{ histories, moves, conflicts, faults, crashes atomic.Int64 }

func (s *statistics) add(h *history) {
	s.histories.Add(1)
	s.moves.Add(int64(h.moves))
	s.conflicts.Add(int64(h.conflicts))
	s.faults.Add(int64(h.faults))
	s.crashes.Add(int64(h.crashes))
}

func (s *statistics) String() string {
	return fmt.Sprintf("%d histories, %d moves of AWSCURRENT, %d conflicts, %d crashes, %d other faults",
		s.histories.Load(), s.moves.Load(), s.conflicts.Load(), s.crashes.Load(), s.faults.Load())
}

// from counts n seeds up from the first.
func from(first, n uint64) func() (uint64, bool) {
	next := first
	return func() (uint64, bool) {
		next++
		return next - 1, next-1 < first+n
	}
}

const (
	fixedSeeds = 1500
	freshSeeds = 500
)

// TestSimulation plays histories of a faulty world against the real core.
func TestSimulation(t *testing.T) {
	t.Parallel()
	if *simSeed != 0 {
		simulate(t, &statistics{}, from(*simSeed, 1))
		return
	}
	var total statistics
	for name, seeds := range map[string]func() (uint64, bool){
		"fixed seeds": from(1, fixedSeeds),
		"fresh seeds": from(uint64(time.Now().UnixNano()), freshSeeds),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			simulate(t, &total, seeds)
		})
	}
	t.Cleanup(func() { t.Log(&total) })
}

func TestASeedReplaysExactly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(20) {
			one, two := play(seed, true, nil), play(seed, true, nil)
			if a, b := strings.Join(one.trace, "\n"), strings.Join(two.trace, "\n"); a != b {
				t.Fatalf("seed %d took two courses:\n%s\n\n%s", seed, a, b)
			}
		}
	})
}

// A keeper that is wrong in one point is found out. Without that, the silence of
// the simulation would prove nothing.
func TestTheSimulationFindsAWrongKeeper(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		wrong func(*keeper.Keeper, *actor)
		says  string
	}{
		"a plain put instead of the swap": {func(k *keeper.Keeper, a *actor) { k.Secrets = plainPut{a} }, "went back"},
		"observe before fence": {func(k *keeper.Keeper, a *actor) {
			e := &early{actor: a}
			k.Secrets, k.Heroku = e, func(string) keeper.Heroku { return e }
		}, "went back"},
		"no login":                     {func(k *keeper.Keeper, a *actor) { k.Database = noLogin{} }, "without a login"},
		"a login that is not believed": {func(k *keeper.Keeper, a *actor) { k.Database = yesMan{a} }, "which logs in"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for seed := range uint64(3000) {
					if h := play(seed, false, tt.wrong); strings.Contains(strings.Join(h.broken, " "), tt.says) {
						t.Logf("found by seed %d", seed)
						return
					}
				}
				t.Error("3000 histories did not show it")
			})
		})
	}
}

// plainPut moves AWSCURRENT from wherever it is.
type plainPut struct{ *actor }

func (p plainPut) Swap(ctx context.Context, arn, to, _ string) error {
	_, err := call(ctx, p.actor, "put "+arn, func() (bool, error) {
		return true, p.world.swap(p.actor, arn, to, p.world.secret(arn).current)
	})
	return err
}

// early observes before it fences.
type early struct {
	*actor
	vars map[string]credential.Value // guarded by world.mu
	err  error
}

func (e *early) Describe(ctx context.Context, arn string) (binding.Secret, error) {
	vars, err := e.actor.ConfigVars(ctx, app)
	e.world.mu.Lock()
	e.vars, e.err = vars, err
	e.world.mu.Unlock()
	return e.actor.Describe(ctx, arn)
}

func (e *early) ConfigVars(context.Context, string) (map[string]credential.Value, error) {
	e.world.mu.Lock()
	defer e.world.mu.Unlock()
	return e.vars, e.err
}

// noLogin takes everything for good.
type noLogin struct{}

func (noLogin) Login(context.Context, connection.URL, string) error { return nil }

// yesMan looks, and takes a refusal for a yes.
type yesMan struct{ *actor }

func (y yesMan) Login(ctx context.Context, u connection.URL, clientTLS string) error {
	_ = y.actor.Login(ctx, u, clientTLS)
	return nil
}

// TestSoak runs for as long as it is told.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("run it with: make soak")
	}
	var total statistics
	began := time.Now()
	ticker := time.NewTicker(5 * time.Second)
	defer ticker.Stop()
	go func() {
		for range ticker.C {
			fmt.Printf("%6s  %s\n", time.Since(began).Round(time.Second), &total)
		}
	}()
	for worker := range 2 {
		t.Run(fmt.Sprint("worker ", worker), func(t *testing.T) {
			t.Parallel()
			for first := uint64(began.UnixNano()) + uint64(worker)<<40; time.Since(began) < *soak && !t.Failed(); first += 500 {
				simulate(t, &total, from(first, 500))
			}
		})
	}
	t.Cleanup(func() { fmt.Printf("%6s  %s\n", time.Since(began).Round(time.Second), &total) })
}

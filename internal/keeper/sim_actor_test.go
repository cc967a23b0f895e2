package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/keeper"
)

// sight is what a run has seen of a URL's login.
type sight int

const (
	unseen sight = iota
	seenAlive
	seenRefused
	seenUnreachable
)

var errFault = errors.New("a fault of the simulation")

// actor is one run of a function. All its remote calls go through call, which
// may delay, fail, lose, double or cut them, or end the run.
type actor struct {
	name   string
	seed   uint64
	world  *world
	faults bool

	mu    sync.Mutex // guards what follows
	calls map[string]int
	saw   map[string]sight // by payload; guarded by world.mu
	dead  bool
}

func newActor(w *world, seed uint64, name string, faults bool) *actor {
	return &actor{name: name, seed: seed, world: w, faults: faults, calls: make(map[string]int), saw: make(map[string]sight)}
}

// draw returns the random numbers of the n-th call of its kind. They depend on
// nothing else, so that a seed replays whatever order goroutines run in.
func (a *actor) draw(kind string) *rand.Rand {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[kind]++
	h := fnv.New64a()
	fmt.Fprint(h, a.name, " ", kind, " ", a.calls[kind])
	return rand.New(rand.NewPCG(a.seed, h.Sum64()))
}

// call makes one remote call. The work is done at one instant somewhere between
// the request and the answer, or never, or after the caller has given up.
func call[T any](ctx context.Context, a *actor, kind string, work func() (T, error)) (T, error) {
	a.live()
	r := a.draw(kind)
	request, answer := time.Millisecond, time.Millisecond
	if a.faults {
		request, answer = latency(r), latency(r)
	}
	do := func() (T, error) {
		a.world.mu.Lock()
		defer a.world.mu.Unlock()
		out, err := work()
		a.world.note("%s: %s: %v", a.name, kind, err)
		return out, err
	}
	var none T
	late := func() { // the request is on its way, and nobody waits
		go func() {
			time.Sleep(request + time.Duration(r.Int64N(int64(time.Minute))))
			do()
		}()
	}
	fault := ""
	if a.faults {
		fault = faultOf(r)
	}
	a.world.count(fault)
	switch fault {
	case "fails before its work":
		wait(ctx, request)
		return none, errFault
	case "is late":
		late()
		wait(ctx, request)
		return none, errFault
	case "dies before": // after a while, so that its other goroutines have or have not begun, and not by chance
		time.Sleep(request)
		a.die()
	case "dies with the request on its way":
		late()
		time.Sleep(request)
		a.die()
	}
	if !wait(ctx, request) {
		if r.IntN(2) == 0 {
			late()
		}
		return none, ctx.Err()
	}
	out, err := do()
	switch fault {
	case "loses its answer":
		wait(ctx, answer)
		return none, errFault
	case "is done twice": // a client tried again, and gets the second answer
		wait(ctx, answer)
		out, err = do()
	case "dies after":
		a.die()
	}
	if !wait(ctx, answer) {
		return none, ctx.Err()
	}
	return out, err
}

// faultOf is mostly none.
func faultOf(r *rand.Rand) string {
	faults := []string{"fails before its work", "is late", "loses its answer", "is done twice",
		"dies before", "dies with the request on its way", "dies after"}
	if n := r.IntN(20 * len(faults)); n < 2*len(faults) {
		return faults[n/2]
	}
	return ""
}

// latency is mostly milliseconds, and sometimes half a minute.
func latency(r *rand.Rand) time.Duration {
	scale := time.Duration(50 * time.Millisecond)
	switch r.IntN(25) {
	case 0:
		scale = 30 * time.Second
	case 1, 2:
		scale = 2 * time.Second
	}
	return 1 + time.Duration(r.Int64N(int64(scale)))
}

func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// die ends the run where it is, as a Lambda that is frozen and never thawed.
func (a *actor) die() {
	a.mu.Lock()
	a.dead = true
	a.mu.Unlock()
	runtime.Goexit()
}

// live ends the goroutines of a run that has died in another one.
func (a *actor) live() {
	a.mu.Lock()
	dead := a.dead
	a.mu.Unlock()
	if dead {
		runtime.Goexit()
	}
}

func (a *actor) List(ctx context.Context) ([]binding.Secret, error) {
	lag := time.Duration(a.draw("lag").Int64N(int64(5 * time.Minute)))
	return call(ctx, a, "list", func() ([]binding.Secret, error) { return a.world.list(lag), nil })
}

func (a *actor) Describe(ctx context.Context, arn string) (binding.Secret, error) {
	return call(ctx, a, "describe "+arn, func() (binding.Secret, error) {
		s := a.world.secret(arn)
		return tagged(arn, s.current, s.candidate), nil
	})
}

func (a *actor) Stage(ctx context.Context, arn, version string, payload credential.Value) (bool, error) {
	return call(ctx, a, "stage "+arn, func() (bool, error) { return a.world.stage(a, arn, version, payload), nil })
}

func (a *actor) Swap(ctx context.Context, arn, to, from string) error {
	_, err := call(ctx, a, "swap "+arn, func() (bool, error) { return true, a.world.swap(a, arn, to, from) })
	return err
}

func (a *actor) Read(ctx context.Context, arn, version string) (credential.Value, error) {
	return call(ctx, a, "read "+arn, func() (credential.Value, error) {
		s := a.world.secret(arn)
		if s.current != version {
			return credential.Value{}, keeper.ErrConflict
		}
		return credential.New(s.versions[version]), nil
	})
}

func (a *actor) ConfigVars(ctx context.Context, _ string) (map[string]credential.Value, error) {
	return call(ctx, a, "config vars", func() (map[string]credential.Value, error) {
		now := a.world.shown[len(a.world.shown)-1]
		if now == "" {
			return nil, nil
		}
		return map[string]credential.Value{"DATABASE_URL": credential.New(now), "FOLLOWER_URL": credential.New(follower(now))}, nil
	})
}

func (a *actor) Spare() bool { return true }

func (a *actor) Released(ctx context.Context, _ string) (time.Time, error) {
	return call(ctx, a, "release", func() (time.Time, error) { return a.world.began, nil })
}

func (a *actor) Login(ctx context.Context, u connection.URL, _ string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	url := shownAs(u.Text().Reveal())
	_, err := call(ctx, a, "login "+u.Host(), func() (bool, error) {
		switch life := a.world.logins[url]; {
		case life.alive(time.Now()):
			return true, nil
		case life.unreachable:
			return false, errors.New("unreachable")
		}
		return false, keeper.ErrRefused
	})
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	switch { // what the run saw, which a fault of the network may hide
	case err == nil:
		a.saw[u.Text().Reveal()] = seenAlive
	case errors.Is(err, keeper.ErrRefused):
		a.saw[u.Text().Reveal()] = seenRefused
	default:
		a.saw[u.Text().Reveal()] = seenUnreachable
	}
	return err
}

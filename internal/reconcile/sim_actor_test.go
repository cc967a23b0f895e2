package reconcile_test

import (
	"context"
	"errors"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"time"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
)

// loginSeen is what a run knows about the login with a URL.
type loginSeen int

const (
	unseen loginSeen = iota
	seenAlive
	seenRefused
	seenUnreachable
)

// actor is one run of a function. All its remote calls go through [call], which
// may delay, fail, lose, double or cut them, or end the run.
type actor struct {
	name   string
	seed   uint64
	world  *world
	faulty bool

	mu    sync.Mutex // guards what follows
	calls map[string]int
	saw   map[string]loginSeen // by payload; guarded by world.mu
	dead  bool

	// Guarded by world.mu: when Heroku answered, and by ARN when this run first asked for
	// the fence and when it last moved AWSCURRENT.
	reads           []time.Time
	fenced, swapped map[string]time.Time
}

func newActor(w *world, seed uint64, name string, faulty bool) *actor {
	return &actor{name: name, seed: seed, world: w, faulty: faulty, calls: make(map[string]int), saw: make(map[string]loginSeen),
		fenced: make(map[string]time.Time), swapped: make(map[string]time.Time)}
}

// draw returns the random numbers of the n-th call of its kind. They depend on
// nothing else, so that a seed replays whatever order goroutines run in.
func (a *actor) draw(kind string) *rand.Rand {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[kind]++
	h := fnv.New64a()
	_, _ = io.WriteString(h, a.name+" "+kind+" "+strconv.Itoa(a.calls[kind]))
	return rand.New(rand.NewPCG(a.seed, h.Sum64()))
}

// die ends the run where it is, like a Lambda that is frozen for ever.
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

func (a *actor) List(ctx context.Context) ([]reconcile.Secret, error) {
	lag := time.Duration(a.draw("lag").Int64N(int64(5 * time.Minute)))
	return call(ctx, a, "list", func() ([]reconcile.Secret, error) { return a.world.list(lag), nil })
}

func (a *actor) Describe(ctx context.Context, arn string) (reconcile.Secret, error) {
	return call(ctx, a, "describe "+arn, func() (reconcile.Secret, error) {
		s := a.world.secret(arn)
		if _, again := a.fenced[arn]; !again {
			a.fenced[arn] = time.Now()
		}
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
	value, err := call(ctx, a, "read "+arn, func() (credential.Value, error) {
		s := a.world.secret(arn)
		if s.current != version {
			return credential.Value{}, reconcile.ErrConflict
		}
		return credential.New(s.versions[version]), nil
	})
	if err != nil && !errors.Is(err, reconcile.ErrConflict) { // what is there cannot be compared
		a.world.mu.Lock()
		a.world.unread++
		a.world.mu.Unlock()
	}
	return value, err
}

func (a *actor) ConfigVars(ctx context.Context, _ string) (map[string]credential.Value, error) {
	age := time.Duration(0)
	if dice := a.draw("old answer"); a.world.old > 0 && dice.IntN(3) == 0 {
		age = upTo(a.world.old, dice)
	}
	return call(ctx, a, "config vars", func() (map[string]credential.Value, error) {
		a.reads = append(a.reads, time.Now())
		now := a.world.shown[a.world.at(time.Now().Add(-age))]
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
			return false, reconcile.ErrUnreachable
		}
		return false, reconcile.ErrRefused
	})
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	switch { // what the run saw, which a fault of the network may hide
	case err == nil:
		a.saw[u.Text().Reveal()] = seenAlive
	case errors.Is(err, reconcile.ErrRefused):
		a.saw[u.Text().Reveal()] = seenRefused
	default:
		a.saw[u.Text().Reveal()] = seenUnreachable
	}
	return err
}

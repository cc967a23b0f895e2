package reconcile_test

import (
	"context"
	"errors"
	"hash/fnv"
	"io"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
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
	saw   map[string]loginSeen // by URL as Heroku writes it; guarded by world.mu
	dead  bool

	// Guarded by world.mu: when Heroku answered what the run has seen, by version when this run moved AWSCURRENT
	// to it, and by ARN how often it did.
	reads   []time.Time
	swapped map[string]time.Time
	moves   map[string]int

	reading map[string]*simRead // the last one by ARN; guarded by mu
}

// simRead is a call of Read, for the other bindings of the secret.
type simRead struct {
	ended chan struct{}
	at    time.Time // of its end
	err   error
}

func newActor(w *world, seed uint64, name string, faulty bool) *actor {
	return &actor{name: name, seed: seed, world: w, faulty: faulty, calls: make(map[string]int), saw: make(map[string]loginSeen),
		swapped: make(map[string]time.Time), moves: make(map[string]int), reading: make(map[string]*simRead)}
}

// draw returns the random numbers of a call of its kind at this instant, or of the n-th
// one. They depend on nothing else, so that a seed replays whatever order goroutines run
// in.
func (a *actor) draw(kind string) *rand.Rand {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[kind]++
	which := strconv.Itoa(a.calls[kind])
	if a.world.inStep {
		which = time.Since(a.world.began).String()
	}
	h := fnv.New64a()
	_, _ = io.WriteString(h, a.name+" "+kind+" "+which)
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
		return s.described(s.current, s.candidate), nil
	})
}

func (a *actor) Stage(ctx context.Context, arn, version string, payload credential.Value) (bool, error) {
	return call(ctx, a, "stage "+arn+" "+version, func() (bool, error) { return a.world.stage(a, arn, version, payload), nil })
}

func (a *actor) Swap(ctx context.Context, arn, to, from string) error {
	_, err := call(ctx, a, "swap "+arn+" "+to, func() (bool, error) { return true, a.world.swap(a, arn, to, from) })
	return err
}

func (a *actor) Read(ctx context.Context, arn, version string) (value credential.Value, err error) {
	read := a.begin(arn)
	if read.err != nil {
		return value, read.err
	}
	defer func() { a.end(read, err) }()
	value, err = call(ctx, a, "read "+arn, func() (credential.Value, error) {
		s := a.world.secret(arn)
		if s.current != version {
			return credential.Value{}, reconcile.ErrConflict
		}
		return credential.New(s.value(version)), nil
	})
	if err != nil && !errors.Is(err, reconcile.ErrConflict) { // what is there cannot be compared
		a.world.mu.Lock()
		a.world.unread++
		a.world.mu.Unlock()
	}
	return value, err
}

// begin notes a read. The bindings of a secret wait for one another's, and which is the
// first is the scheduler's: where they go in step, a read that fails fails for all.
func (a *actor) begin(arn string) *simRead {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last := a.reading[arn]; a.world.inStep && last != nil && last.err != nil && last.at.Equal(time.Now()) {
		return last
	}
	read := &simRead{ended: make(chan struct{})}
	a.reading[arn] = read
	return read
}

func (a *actor) end(read *simRead, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	read.at, read.err = time.Now(), err
	close(read.ended)
}

// afterReads waits for the reads that are under way: the answer to a login comes behind
// them, so that no two bindings that wait for both go on at one instant.
func (a *actor) afterReads(host string) {
	if !a.world.inStep {
		return
	}
	a.mu.Lock()
	reads := slices.Collect(maps.Values(a.reading))
	a.mu.Unlock()
	for _, read := range reads {
		<-read.ended
	}
	time.Sleep(upTo(time.Microsecond, a.draw("answer "+host)))
}

func (a *actor) ConfigVars(ctx context.Context, _ string) (map[string]credential.Value, error) {
	age := time.Duration(0)
	if dice := a.draw("old answer"); a.world.old > 0 && dice.IntN(3) == 0 {
		age = upTo(a.world.old, dice)
	}
	type answer struct {
		vars map[string]credential.Value
		at   time.Time
	}
	got, err := call(ctx, a, "config vars", func() (answer, error) {
		vars := make(map[string]credential.Value)
		for _, v := range a.world.vars {
			if now := v.shown[v.at(time.Now().Add(-age))]; now != "" {
				vars[v.name] = credential.New(now)
			}
		}
		return answer{vars, time.Now()}, nil
	})
	if err == nil { // a request that comes late is no read: the run never sees its answer
		a.world.mu.Lock()
		defer a.world.mu.Unlock()
		a.reads = append(a.reads, got.at)
	}
	return got.vars, err
}

func (a *actor) Spare() bool { return true }

func (a *actor) Credentials(context.Context, string) (map[string]reconcile.Credential, error) {
	return nil, nil
}

func (a *actor) Released(ctx context.Context, _ string) (time.Time, error) {
	return call(ctx, a, "release", func() (time.Time, error) { return a.world.began, nil })
}

func (a *actor) Login(ctx context.Context, u connection.URL, _ string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	defer a.afterReads(u.Host())
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
		a.saw[url] = seenAlive
	case errors.Is(err, reconcile.ErrRefused):
		a.saw[url] = seenRefused
	default:
		a.saw[url] = seenUnreachable
	}
	return err
}

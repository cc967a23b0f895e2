package reconcile

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"keepcurrent.example/internal/credential"
)

const (
	// maxConflicts bounds how often one binding is started again because another
	// writer was faster. Each lost swap is a swap that another writer won.
	maxConflicts = 5
	// maxReturns bounds how often one binding is started again because Heroku took back
	// what was published.
	maxReturns = 5
	// parallelBindings is how many bindings of one app are worked on at once: each
	// may hold one of the 20 connections of a small Heroku plan.
	parallelBindings = 4

	firstPause = 50 * time.Millisecond
	maxPause   = 2 * time.Second
)

// notYet marks an error that may be gone in a moment: the config var shows nothing new or
// nothing at all, and what the secret holds does not log in.
type notYet struct{ error }

func (e notYet) Unwrap() error { return e.error }

// retry says whether another attempt may give a better result, and why.
type retry int

const (
	done          retry = iota
	afterConflict       // another writer moved AWSCURRENT since the fence
	afterWait           // Heroku shows nothing better yet
	afterReturn         // Heroku took back what was published
)

// run is an update of the bindings of one source.
type run struct {
	*Reconciler
	from   Source
	tasks  []*task
	listed map[string]int // how many bindings of a secret, by ARN
}

// task is one binding in a run.
type task struct {
	Result
	retry    retry
	before   Result // of the attempt before
	returns  int    // how often Heroku took back what was published
	isFenced bool
	secret   *secretValue // of this attempt
	// stagesEarly says that the binding stages beside its login, if it is not equal.
	stagesEarly bool
	desired     desired
	undesired   error            // why the config vars give no desired value
	key         credential.Value // of the version's id
	wasRead     bool             // the secret was found equal by reading its value
}

// Update brings bindings up to date, one source after another. It starts again at
// the fence, a bounded number of times, where another writer was faster or Heroku took
// back what was published, and for as long as Patience where Heroku shows nothing new
// yet. There is one result for each binding; those of one source are in the same order.
func (k *Reconciler) Update(ctx context.Context, bindings []Binding) (results []Result) {
	for from, bindings := range BySource(bindings) {
		results = append(results, resultsOf(k.update(ctx, from, bindings))...)
	}
	return results
}

// update brings the bindings of one source up to date.
func (k *Reconciler) update(ctx context.Context, from Source, bindings []Binding) []*task {
	u := &run{Reconciler: k, from: from, listed: make(map[string]int)}
	for _, b := range bindings {
		u.listed[b.ARN]++
		u.tasks = append(u.tasks, &task{Result: Result{Binding: b}})
	}
	patient := time.Now().Add(k.Patience)
	pending := u.tasks
	for pause := firstPause; len(pending) > 0; pause = min(2*pause, maxPause) {
		u.attempt(ctx, pending)
		u.checkAfterSwap(ctx, pending)
		pending = startAgain(pending, time.Now().Before(patient))
		if len(pending) > 0 && !sleep(ctx, k.jittered(pause)) {
			break
		}
	}
	return u.tasks
}

func resultsOf(tasks []*task) (results []Result) {
	for _, t := range tasks {
		results = append(results, t.Result)
	}
	return results
}

// startAgain returns the tasks whose next attempt may give a better result. It counts
// the conflicts.
func startAgain(tasks []*task, patient bool) (again []*task) {
	for _, t := range tasks {
		if t.retry == afterConflict {
			t.Conflicts++
		}
		switch {
		case t.retry == afterConflict && t.Conflicts < maxConflicts,
			t.retry == afterReturn && t.returns < maxReturns,
			t.retry == afterWait && patient:
			again = append(again, t)
		}
	}
	return again
}

// jittered returns the pause or up to a half less, so that two writers that met
// once do not meet again.
func (k *Reconciler) jittered(pause time.Duration) time.Duration {
	if k.jitter != nil {
		return k.jitter(pause)
	}
	return pause/2 + rand.N(pause/2)
}

// sleep reports whether the pause went by before the context ended.
func sleep(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}

// attempt takes the pending tasks once from the fence to the swap. What the attempt
// before found stays if this one only ran out of time: it says more.
func (u *run) attempt(ctx context.Context, pending []*task) {
	for _, t := range pending {
		t.before = t.Result
		t.secret, t.desired, t.undesired, t.wasRead, t.stagesEarly = nil, desired{}, nil, false, false
	}
	u.observeAndStep(ctx, u.fenceAll(ctx, pending))
	for _, t := range pending {
		if ctx.Err() != nil && t.Outcome == Failed && t.before.Err != nil {
			t.Result = t.before
		}
	}
}

// fenceAll fences the tasks, and returns those that do not end there.
func (u *run) fenceAll(ctx context.Context, tasks []*task) (fenced []*task) {
	eachTask(tasks, func(t *task) (r Result, _ retry) {
		r, t.isFenced = u.fence(ctx, t.Result, t.retry == afterWait)
		return r, done
	})
	for _, t := range tasks {
		if t.isFenced {
			fenced = append(fenced, t)
		}
	}
	return fenced
}

// observeAndStep observes the app once, and takes the fenced tasks to the swap.
func (u *run) observeAndStep(ctx context.Context, fenced []*task) {
	if len(fenced) == 0 {
		return
	}
	vars, err := u.Heroku(u.from.TokenSecretID).ConfigVars(ctx, u.from.App)
	var keys []credential.Value
	if err == nil {
		keys, err = u.Keys.Values(ctx)
	}
	secrets := make(map[string]*secretValue)
	for _, t := range fenced {
		if secrets[t.ARN] == nil {
			secrets[t.ARN] = new(secretValue)
		}
		t.secret = secrets[t.ARN]
		if err == nil {
			t.key = keys[0]
			t.desired, t.undesired = desiredOf(t.Binding, vars)
			t.stagesEarly = u.claim(t, keys)
		}
	}
	eachTask(fenced, func(t *task) (Result, retry) {
		if err != nil {
			return t.stop(Failed, err)
		}
		return u.step(ctx, t, keys)
	})
}

// claim reports whether a binding is the first of its secret that seems to change. One
// whose candidate was held waits for its login: it would put in vain.
func (u *run) claim(t *task, keys []credential.Value) bool {
	if t.secret.isClaimed || t.undesired != nil {
		return false
	}
	t.secret.isClaimed = !u.isEqual(keys, t.Binding, t.desired) && !u.Memory.isHeld(t.Binding, versionOf(t.key, t.Binding, t.desired.text))
	return t.secret.isClaimed
}

// eachTask replaces the results of the tasks by what f makes of them, some at the same time.
func eachTask(tasks []*task, f func(*task) (Result, retry)) {
	Parallel(parallelBindings, slices.Values(tasks), func(t *task) {
		panicked := credential.RecoverPanic(func() error {
			t.Result, t.retry = f(t)
			return nil
		})
		if panicked != nil {
			t.Result, t.retry = t.stop(Failed, panicked)
		}
	})
}

// fence reads the secret's tags and the version that holds AWSCURRENT. The tags
// decide what the binding is: the list that named it may be minutes old. ok is false if
// the binding ends here.
func (u *run) fence(ctx context.Context, r Result, isRepeat bool) (fenced Result, ok bool) {
	from := r.Source
	fenced = Result{Binding: r.Binding, Conflicts: r.Conflicts, Repeats: r.Repeats, TooOften: r.TooOften, Moved: r.Moved}
	if isRepeat {
		fenced.Repeats++
	}
	secret, err := u.describe(ctx, r.Binding)
	if err != nil {
		return fenced.ended(Failed, err), false
	}
	bindings, err := ParseBindings(secret)
	b, isNamed := u.match(r.Binding, bindings)
	isElsewhere := b.Source != from || err == nil && !isNamed // another app, another token, or other config vars
	if isElsewhere || err != nil {
		b.ConfigVar, b.Key = r.ConfigVar, r.Key
	}
	fenced.Binding = b
	if isElsewhere {
		return fenced.ended(Elsewhere, nil), false
	}
	outcome, err, ruledOut := ruleOut(fenced.Binding, err)
	if ruledOut {
		return fenced.ended(outcome, err), false
	}
	return fenced, true
}

// match returns the one of a secret's bindings that a listed binding is now: that of the
// same config var, or the only one where the list had only one, too.
func (u *run) match(listed Binding, bindings []Binding) (b Binding, isNamed bool) {
	for _, b := range bindings {
		if b.ConfigVar == listed.ConfigVar {
			return b, true
		}
	}
	return bindings[0], len(bindings) == 1 && u.listed[listed.ARN] == 1
}

// describe describes a secret by its ARN, or by its name if there is no such ARN any
// more: the secret may have been made anew.
func (k *Reconciler) describe(ctx context.Context, b Binding) (Secret, error) {
	secret, err := k.Secrets.Describe(ctx, b.ARN)
	if errors.Is(err, ErrNoSecret) && b.Name != "" {
		return k.Secrets.Describe(ctx, b.Name)
	}
	return secret, err
}

// ruleOut reports whether a binding ends without a look at Heroku, and how. invalid is
// what [ParseBindings] says of it.
func ruleOut(b Binding, invalid error) (outcome Outcome, err error, ruledOut bool) {
	switch {
	case errors.Is(invalid, ErrReplica):
		return Off, invalid, true
	case !b.Sync:
		return Off, nil, true
	case invalid != nil:
		return Failed, invalid, true
	}
	return "", nil, false
}

// betweenReads is the time between the two looks that must agree before a run
// believes that Heroku took back what was published: a single answer can be an old one.
const betweenReads = time.Second

// errReturned says that a publication was overtaken by Heroku.
var errReturned = errors.New("Heroku took this value back while it was published, and shows another one")

// checkAfterSwap asks Heroku once more after AWSCURRENT was moved: while that went on,
// Heroku may have taken the value back, and another run may have found the secret equal
// to what it shows now, and left it to this one. Two looks must agree that it did.
func (u *run) checkAfterSwap(ctx context.Context, pending []*task) {
	var moved []*task
	for _, t := range pending {
		if t.Outcome == Published && !t.Moved.IsZero() {
			moved = append(moved, t)
		}
	}
	returned, err := u.returned(ctx, moved)
	if err == nil && len(returned) > 0 {
		if moved = returned; sleep(ctx, betweenReads) {
			returned, err = u.returned(ctx, moved)
		} else {
			err = ctx.Err()
		}
	}
	if err != nil {
		err = fmt.Errorf("whether Heroku still shows what was published is unknown: %w", err)
		returned = moved
	}
	for _, t := range returned {
		if err != nil {
			t.Result, t.retry = t.stop(Failed, err)
			continue
		}
		t.returns++
		t.Result, t.retry = t.ended(Failed, errReturned), afterReturn
	}
}

// returned asks Heroku, and returns the tasks whose published value it does not show.
func (u *run) returned(ctx context.Context, tasks []*task) (returned []*task, err error) {
	if len(tasks) == 0 {
		return nil, nil
	}
	vars, err := u.Heroku(u.from.TokenSecretID).ConfigVars(ctx, u.from.App)
	if err != nil {
		return nil, err
	}
	for _, t := range tasks {
		if d, err := desiredOf(t.Binding, vars); err != nil || !d.text.Equal(t.desired.text) {
			returned = append(returned, t)
		}
	}
	return returned, nil
}

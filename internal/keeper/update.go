package keeper

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/credential"
)

const (
	// maxConflicts bounds how often one binding is started again because another
	// writer was faster. Each lost swap is a swap that somebody else won.
	maxConflicts = 5
	// abreast is how many bindings of one app are worked on at once: each
	// may hold one of the 20 connections of a small Heroku plan.
	abreast = 4

	firstPause = 50 * time.Millisecond
	maxPause   = 2 * time.Second
)

// errNotYet marks a result that may be better in a moment: the config var shows
// nothing new or nothing at all, and what the secret holds does not log in.
var errNotYet = errors.New("Heroku shows nothing better yet")

// Update brings the bindings, all of one app, up to date. It starts again at
// the fence, a bounded number of times, where another writer was faster, and
// for as long as Patience where Heroku shows nothing new yet. There is one
// result for each binding, in the same order.
func (k *Keeper) Update(ctx context.Context, app string, bindings []binding.Binding) []Result {
	results := make([]Result, len(bindings))
	pending := make([]int, len(bindings))
	for i, b := range bindings {
		results[i].Binding, pending[i] = b, i
	}
	patient := time.Now().Add(k.Patience)
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		k.attempt(ctx, app, results, pending)
		again := pending[:0]
		for _, i := range pending {
			if startAgain(results[i], time.Now().Before(patient)) {
				again = append(again, i)
			}
		}
		if pending = again; len(pending) == 0 || !sleep(ctx, pause/2+rand.N(pause/2)) {
			return results
		}
	}
}

// startAgain reports whether another attempt may give a better result.
func startAgain(r Result, patient bool) bool {
	if errors.Is(r.Err, ErrConflict) {
		return r.Conflicts < maxConflicts
	}
	return patient && errors.Is(r.Err, errNotYet)
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

// attempt takes the pending bindings once from the fence to the swap.
func (k *Keeper) attempt(ctx context.Context, app string, results []Result, pending []int) {
	each(pending, func(i int) { results[i] = k.fence(ctx, results[i]) })
	var fenced []int
	for _, i := range pending {
		if results[i].Outcome == "" {
			fenced = append(fenced, i)
		}
	}
	if len(fenced) == 0 {
		return
	}
	vars, err := k.Heroku.ConfigVars(ctx, app)
	var keys []credential.Value
	if err == nil {
		keys, err = k.Keys(ctx)
	}
	each(fenced, func(i int) {
		if err != nil {
			results[i] = results[i].failed(err)
			return
		}
		results[i] = k.step(ctx, results[i], vars, keys)
	})
}

// each calls f for every index, some abreast.
func each(indices []int, f func(int)) {
	var wg sync.WaitGroup
	free := make(chan struct{}, abreast)
	for _, i := range indices {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			f(i)
		})
	}
	wg.Wait()
}

// fence reads the secret's tags and the version that holds AWSCURRENT. The tags
// decide what the binding is: the list that named it may be minutes old.
// The outcome stays open unless the binding ends here.
func (k *Keeper) fence(ctx context.Context, r Result) Result {
	app := r.App
	r = Result{Binding: r.Binding, Conflicts: r.Conflicts}
	secret, err := k.Secrets.Describe(ctx, r.ARN)
	if err != nil {
		return r.failed(err)
	}
	r.Binding, err = binding.Of(secret)
	switch {
	case r.App != app:
		r.Outcome = Off // no longer a binding of this app
	case err != nil:
		return r.failed(err)
	case !r.Sync:
		r.Outcome = Off
	}
	return r
}

func (r Result) failed(err error) Result {
	r.Outcome, r.Err = Failed, r.explain(err)
	if errors.Is(err, ErrConflict) {
		r.Conflicts++
	}
	return r
}

func (r Result) held(err error) Result {
	r.Outcome, r.Err = Held, r.explain(err)
	return r
}

// explain says on what an error happened.
func (r Result) explain(err error) error {
	return fmt.Errorf("app %s, config var %s, secret %s: %w", r.App, r.ConfigVar, r.Name, err)
}

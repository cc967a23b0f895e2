package keeper

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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

// Update brings the bindings, all of one source, up to date. It starts again at
// the fence, a bounded number of times, where another writer was faster, and
// for as long as Patience where Heroku shows nothing new yet. There is one
// result for each binding, in the same order.
func (k *Keeper) Update(ctx context.Context, from binding.Source, bindings []binding.Binding) []Result {
	results := make([]Result, len(bindings))
	pending := make([]int, len(bindings))
	for i, b := range bindings {
		results[i].Binding, pending[i] = b, i
	}
	patient := time.Now().Add(k.Patience)
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		before := slices.Clone(results)
		k.attempt(ctx, from, results, pending)
		again := pending[:0]
		for _, i := range pending {
			if ctx.Err() != nil && results[i].Outcome == Failed && before[i].Err != nil {
				results[i] = before[i] // it says more than "out of time" does
			}
			if startAgain(results[i], time.Now().Before(patient)) {
				again = append(again, i)
			}
		}
		if pending = again; len(pending) == 0 || !sleep(ctx, k.jittered(pause)) {
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

// jittered returns the pause or up to a half less, so that two writers that met
// once do not meet again.
func (k *Keeper) jittered(pause time.Duration) time.Duration {
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

// attempt takes the pending bindings once from the fence to the swap.
func (k *Keeper) attempt(ctx context.Context, from binding.Source, results []Result, pending []int) {
	each(results, pending, func(r Result) Result { return k.fence(ctx, r) })
	var fenced []int
	for _, i := range pending {
		if results[i].Outcome == "" {
			fenced = append(fenced, i)
		}
	}
	if len(fenced) == 0 {
		return
	}
	vars, err := k.Heroku(from.Token).ConfigVars(ctx, from.App)
	var keys []credential.Value
	if err == nil {
		keys, err = k.Keys.Values(ctx)
	}
	each(results, fenced, func(r Result) Result {
		if err != nil {
			return r.failed(err)
		}
		return k.step(ctx, r, vars, keys)
	})
}

// each replaces the results at the indices by what f makes of them, some abreast.
func each(results []Result, indices []int, f func(Result) Result) {
	var wg sync.WaitGroup
	free := make(chan struct{}, abreast)
	for _, i := range indices {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			panicked := credential.Safely(func() error {
				results[i] = f(results[i])
				return nil
			})
			if panicked != nil {
				results[i] = results[i].failed(panicked)
			}
		})
	}
	wg.Wait()
}

// fence reads the secret's tags and the version that holds AWSCURRENT. The tags
// decide what the binding is: the list that named it may be minutes old.
// The outcome stays open unless the binding ends here.
func (k *Keeper) fence(ctx context.Context, r Result) Result {
	from, looks := r.Source, r.Looks
	if errors.Is(r.Err, errNotYet) {
		looks++
	}
	r = Result{Binding: r.Binding, Conflicts: r.Conflicts, Looks: looks}
	secret, err := k.Secrets.Describe(ctx, r.ARN)
	if err != nil {
		return r.failed(err)
	}
	r.Binding, err = binding.Of(secret)
	switch {
	case r.Source != from, !r.Sync: // it follows something else now, or is opted out
		r.Outcome = Off
	case err != nil:
		return r.failed(err)
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

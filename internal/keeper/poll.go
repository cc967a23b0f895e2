package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/credential"
)

const (
	// appsAbreast is how many apps a round works on at once.
	appsAbreast = 8
	// appTime is what one app may need: a round that has less left starts no
	// further app.
	appTime = 15 * time.Second
)

// errNoTime says why an app was deferred.
var errNoTime = errors.New("the round was out of time")

// Poll runs one round over all bindings: it reads each app's config vars once,
// skips the bindings that look equal in the list, and gives all others the full
// treatment of [Keeper.Update]. The list may lag by five minutes, so it is a
// filter and never a fence. What the lag can hide is a URL that went away and
// came back within it; the webhook, which always fences, does not miss that.
//
// A rate limit ends the round: what was not looked at is deferred. The error is
// that of the list; what happened to a binding is in its result.
func (k *Keeper) Poll(ctx context.Context) ([]Result, error) {
	secrets, err := k.Secrets.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the secrets tagged %s: %w", binding.AppTag, err)
	}
	results, apps := group(secrets)
	var limited atomic.Bool
	var wg sync.WaitGroup
	var mu sync.Mutex // guards results
	free := make(chan struct{}, appsAbreast)
	for app, bindings := range apps {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			var done []Result
			if err := safely(func() { done = k.round(ctx, app, bindings, &limited) }); err != nil {
				done = settle(bindings, Failed, err)
			}
			mu.Lock()
			defer mu.Unlock()
			results = append(results, done...)
		})
	}
	wg.Wait()
	return results, nil
}

// group sorts the secrets by app. Bindings that need no look at Heroku have
// their result at once.
func group(secrets []binding.Secret) (settled []Result, apps map[string][]binding.Binding) {
	apps = make(map[string][]binding.Binding)
	for _, secret := range secrets {
		b, err := binding.Of(secret)
		r := Result{Binding: b}
		switch {
		case !b.Sync:
			r.Outcome = Off
			settled = append(settled, r)
		case err != nil:
			settled = append(settled, r.failed(err))
		default:
			apps[b.App] = append(apps[b.App], b)
		}
	}
	return settled, apps
}

// round takes one app through a round.
func (k *Keeper) round(ctx context.Context, app string, bindings []binding.Binding, limited *atomic.Bool) []Result {
	if limited.Load() {
		return settle(bindings, Deferred, ErrRateLimited)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < appTime {
		return settle(bindings, Deferred, errNoTime)
	}
	results := k.compare(ctx, app, bindings)
	for i, r := range results {
		if errors.Is(r.Err, ErrRateLimited) {
			limited.Store(true)
			results[i].Outcome = Deferred
		}
	}
	return results
}

// compare observes the app once and updates the bindings that look different.
func (k *Keeper) compare(ctx context.Context, app string, bindings []binding.Binding) []Result {
	vars, err := k.Heroku.ConfigVars(ctx, app)
	if err != nil {
		return settle(bindings, Failed, err)
	}
	same, different, err := k.filter(ctx, bindings, vars)
	if err != nil {
		return append(settle(same, Unchanged, nil), settle(different, Failed, err)...)
	}
	updated := k.Update(ctx, app, different)
	k.date(ctx, app, updated)
	return append(settle(same, Unchanged, nil), updated...)
}

// filter parts the bindings that look equal from the others. Before it believes
// that one differs it asks for newer keys: the version may be of a key that this
// container does not know yet.
func (k *Keeper) filter(ctx context.Context, bindings []binding.Binding, vars map[string]credential.Value) (same, different []binding.Binding, err error) {
	keys, err := k.Keys.Values(ctx)
	if err != nil {
		return nil, bindings, err
	}
	same, different = part(bindings, vars, keys)
	if len(different) == 0 {
		return same, nil, nil
	}
	if keys, err = k.Keys.Renew(ctx, keys); err != nil {
		return same, different, err
	}
	same, different = part(bindings, vars, keys)
	return same, different, nil
}

func part(bindings []binding.Binding, vars map[string]credential.Value, keys []credential.Value) (same, different []binding.Binding) {
	for _, b := range bindings {
		if _, payload, err := want(b, vars); err == nil && holds(keys, b, payload) {
			same = append(same, b)
		} else {
			different = append(different, b)
		}
	}
	return same, different
}

// date asks Heroku when the release was made that a poll had to find by itself.
// Without an answer the lag stays unknown, which is no reason to fail.
func (k *Keeper) date(ctx context.Context, app string, results []Result) {
	published := func(r Result) bool { return r.Outcome == Published }
	if k.DryRun || !slices.ContainsFunc(results, published) {
		return
	}
	released, err := k.Heroku.Released(ctx, app)
	if err != nil {
		return
	}
	for i := range results {
		results[i].Released = released
	}
}

func settle(bindings []binding.Binding, outcome Outcome, err error) []Result {
	results := make([]Result, len(bindings))
	for i, b := range bindings {
		results[i] = Result{Binding: b, Outcome: outcome}
		if err != nil {
			results[i].Err = results[i].explain(err)
		}
	}
	return results
}

package keeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/bits"
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

// Why an app was deferred, beside [ErrRateLimited].
var (
	ErrNoTime  = errors.New("the round was out of time")
	ErrReserve = errors.New("what is left of the account's hourly requests is the reserve of its other users")
)

// Round is one poll among many.
type Round struct {
	// Turn counts the rounds, and decides who comes first; see [inTurn].
	Turn uint64
	// End is when the next round begins. No app is begun after it, so that no round
	// stands in the way of another; zero is never.
	End time.Time
}

// Poll runs one round over all bindings: it reads each app's config vars once,
// skips the bindings that look equal in the list, and gives all others the full
// treatment of [Keeper.Update]. The list may lag by five minutes, so it is a
// filter and never a fence. What the lag can hide is a URL that went away and
// came back within it; the webhook, which always fences, does not miss that.
//
// A rate limit ends the round for its account, and so does having no requests to
// spare: what was not looked at is deferred. One app of each account is looked at
// all the same, so that every app has its turn in the end, and what is known of the
// account's requests is news. The error is that of the list; what happened to a
// binding is in its result.
func (k *Keeper) Poll(ctx context.Context, round Round) ([]Result, error) {
	secrets, err := k.Secrets.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the secrets tagged %s: %w", binding.AppTag, err)
	}
	results, sources := group(secrets)
	ends := make(map[string]*atomic.Pointer[error]) // why an account's round is over, by token, from its first app on
	var wg sync.WaitGroup
	var mu sync.Mutex // guards results
	free := make(chan struct{}, appsAbreast)
	for _, source := range inTurn(sources, round.Turn) {
		over := ends[source.Token]
		first := over == nil
		if first {
			over = new(atomic.Pointer[error])
			ends[source.Token] = over
		}
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			bindings := sources[source]
			var done []Result
			if err := credential.Safely(func() { done = k.round(ctx, source, bindings, round.End, first, over) }); err != nil {
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

// group sorts the secrets by source. Bindings that need no look at Heroku have
// their result at once.
func group(secrets []binding.Secret) (settled []Result, sources map[binding.Source][]binding.Binding) {
	sources = make(map[binding.Source][]binding.Binding)
	for _, secret := range secrets {
		b, err := binding.Of(secret)
		b.Tags = nil // read, and a third of what an estate takes of memory
		r := Result{Binding: b}
		switch {
		case !b.Sync:
			r.Outcome = Off
			settled = append(settled, r)
		case err != nil:
			settled = append(settled, r.failed(err))
		default:
			sources[b.Source] = append(sources[b.Source], b)
		}
	}
	return settled, sources
}

// inTurn orders the sources so that each has its turn although every round may
// reach only the first of them, and nothing is remembered between rounds.
//
// The sources have ranks, account by account. Who comes first is whose rank agrees
// with the turn in the most low bits. Among ranks in a row those that agree in k bits
// are one in 2^k, so a round that reaches N/2^k of N apps (rounded up) reaches all of
// these; and among 2^k turns in a row there is one that agrees with a given rank in
// k bits. So if every round reaches at least B of N apps, each app is reached in any
// 2^k rounds in a row, where 2^k is the least power of two that is no less than N/B:
// in less than 2N/B. That holds for the apps of one account and its requests, for
// all of them and the time of a round, and only if no round of the row is lost.
func inTurn(sources map[binding.Source][]binding.Binding, turn uint64) []binding.Source {
	order := slices.SortedFunc(maps.Keys(sources), func(a, b binding.Source) int {
		return cmp.Or(cmp.Compare(a.Token, b.Token), cmp.Compare(a.App, b.App))
	})
	agree := make(map[binding.Source]int, len(order))
	for rank, source := range order {
		agree[source] = bits.TrailingZeros64(uint64(rank) ^ turn)
	}
	slices.SortStableFunc(order, func(a, b binding.Source) int { return agree[b] - agree[a] })
	return order
}

// round takes one app, perhaps the first of its account, through a round.
func (k *Keeper) round(ctx context.Context, from binding.Source, bindings []binding.Binding, end time.Time, first bool, over *atomic.Pointer[error]) []Result {
	// Requests that come back during the round are for the next one: spent here, they
	// would be spent on apps whose turn it is not.
	if !first && !k.Heroku(from.Token).Spare() {
		over.CompareAndSwap(nil, &ErrReserve)
	}
	why := over.Load()
	switch deadline, ok := ctx.Deadline(); {
	case why != nil && !first:
		return settle(bindings, Deferred, *why)
	case ok && time.Until(deadline) < appTime, !end.IsZero() && time.Now().After(end):
		return settle(bindings, Deferred, ErrNoTime)
	}
	results := k.compare(ctx, from, bindings)
	for i, r := range results {
		if errors.Is(r.Err, ErrRateLimited) {
			over.Store(&ErrRateLimited)
			results[i].Outcome = Deferred
		}
	}
	return results
}

// compare observes the app once and updates the bindings that look different.
func (k *Keeper) compare(ctx context.Context, from binding.Source, bindings []binding.Binding) []Result {
	if k.Inspect {
		return k.Update(ctx, from, bindings)
	}
	vars, err := k.Heroku(from.Token).ConfigVars(ctx, from.App)
	if err != nil {
		return settle(bindings, Failed, err)
	}
	same, different, err := k.filter(ctx, bindings, vars)
	if err != nil {
		return append(settle(same, Unchanged, nil), settle(different, Failed, err)...)
	}
	updated := k.Update(ctx, from, different)
	k.date(ctx, from, updated)
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
func (k *Keeper) date(ctx context.Context, from binding.Source, results []Result) {
	published := func(r Result) bool { return r.Outcome == Published }
	if k.DryRun || !slices.ContainsFunc(results, published) {
		return
	}
	released, err := k.Heroku(from.Token).Released(ctx, from.App)
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

package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"sync"
	"time"

	"keepcurrent.example/internal/credential"
)

const (
	// parallelApps is how many apps a round works on at once.
	parallelApps = 8
	// appTime is what one app may need: a round that has less left starts no
	// further app.
	appTime = 15 * time.Second
)

// Why an app was deferred, beside [ErrRateLimited].
var (
	ErrNoTime  = errors.New("the poll was out of time")
	ErrReserve = errors.New("what is left of the account's hourly requests is the reserve of its other users")
)

// Round is one poll among many.
type Round struct {
	// Number counts the rounds. It decides which apps come first, so that each app is
	// checked in the end although every round may reach only some of them.
	Number uint64
	// End is when the next round begins. No app is begun after it, so that rounds do
	// not overlap; zero is no limit.
	End time.Time
}

// Poll runs one round over all bindings: it reads each app's config vars once,
// skips the bindings that look equal in the list, and gives all others the full
// treatment of [Reconciler.Update]. The list may lag by five minutes, so it is a
// filter and never a fence. What the lag can hide is a URL that went away and
// came back within it; the webhook, which always fences, does not miss that.
//
// A rate limit ends the round for its account, and so does an account without
// requests to spare: the rest of its apps are deferred. One app of each account is
// checked in any case, so that every app is checked in the end, and Heroku's answer
// says how many requests are left. The error is that of the list; what happened to a
// binding is in its result.
func (k *Reconciler) Poll(ctx context.Context, round Round) ([]Result, error) {
	secrets, err := k.Secrets.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the secrets tagged %s: %w", AppTag, err)
	}
	settled, sources := group(secrets)
	p := &poll{reconciler: k, end: round.End, results: settled, over: make(map[string]error)}
	due := func(yield func(Source) bool) {
		for _, source := range inOrder(sources, round.Number) {
			if why := p.deferral(ctx, source.TokenSecretID); why != nil {
				p.add(settle(sources[source], Deferred, why))
			} else if !yield(source) {
				return
			}
		}
	}
	Parallel(parallelApps, due, func(source Source) { p.add(k.visit(ctx, source, sources[source])) })
	return p.results, nil
}

// group sorts the secrets by source. Bindings for which Heroku need not be asked have
// their result at once.
func group(secrets []Secret) (settled []Result, sources map[Source][]Binding) {
	var open []Binding
	for _, secret := range secrets {
		bindings, err := ParseBindings(secret)
		for _, b := range bindings {
			b.Tags = nil // read, and a third of what an estate takes of memory
			if outcome, err, ruledOut := ruleOut(b, err); ruledOut {
				settled = append(settled, Result{Binding: b}.ended(outcome, err))
				continue
			}
			open = append(open, b)
		}
	}
	return settled, BySource(open)
}

// poll is a round that is under way.
type poll struct {
	reconciler *Reconciler
	end        time.Time

	mu      sync.Mutex // guards what follows
	results []Result
	over    map[string]error // why the round is over for an account that has begun, by token; nil if it is not
}

// deferral returns why an account's next app is left to a later round, nil if
// it is not.
func (p *poll) deferral(ctx context.Context, tokenSecretID string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	over, begun := p.over[tokenSecretID]
	if begun && over == nil && !p.reconciler.Heroku(tokenSecretID).Spare() {
		// It stays over: requests that come back during the round would be spent on
		// apps that come late in this round's order.
		over = ErrReserve
	}
	p.over[tokenSecretID] = over
	if over != nil {
		return over
	}
	if deadline, limited := ctx.Deadline(); limited && time.Until(deadline) < appTime {
		return ErrNoTime
	}
	if !p.end.IsZero() && time.Now().After(p.end) {
		return ErrNoTime
	}
	return nil
}

// add adds the results of one app.
func (p *poll) add(results []Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range results {
		if errors.Is(r.Err, ErrRateLimited) {
			if r.Moved.IsZero() {
				r.Outcome = Deferred
			}
			p.over[r.TokenSecretID] = ErrRateLimited
		}
		p.results = append(p.results, r)
	}
}

// visit compares one app, and fails its bindings if that panics.
func (k *Reconciler) visit(ctx context.Context, from Source, bindings []Binding) (results []Result) {
	panicked := credential.RecoverPanic(func() error {
		results = k.compare(ctx, from, bindings)
		return nil
	})
	if panicked != nil {
		return settle(bindings, Failed, panicked)
	}
	return results
}

// compare observes the app once and updates the bindings that look different.
func (k *Reconciler) compare(ctx context.Context, from Source, bindings []Binding) []Result {
	if k.Inspect {
		return k.inspect(ctx, from, bindings)
	}
	vars, err := k.Heroku(from.TokenSecretID).ConfigVars(ctx, from.App)
	if err != nil {
		return settle(bindings, Failed, err)
	}
	same, different, err := k.filter(ctx, bindings, vars)
	if err != nil {
		return append(settle(same, Unchanged, nil), settle(different, Failed, err)...)
	}
	updated := resultsOf(k.update(ctx, from, different))
	k.date(ctx, from, updated)
	return append(settle(same, Unchanged, nil), updated...)
}

// filter parts the bindings that look equal from the others. Before it believes
// that one differs it asks for newer keys: the version may be of a key that this
// container does not know yet.
func (k *Reconciler) filter(ctx context.Context, bindings []Binding, vars map[string]credential.Value) (same, different []Binding, err error) {
	keys, err := k.Keys.Values(ctx)
	if err != nil {
		return nil, bindings, err
	}
	same, different = k.part(bindings, vars, keys)
	if len(different) == 0 {
		return same, nil, nil
	}
	if keys, err = k.Keys.Renew(ctx, keys); err != nil {
		return same, different, err
	}
	same, different = k.part(bindings, vars, keys)
	return same, different, nil
}

func (k *Reconciler) part(bindings []Binding, vars map[string]credential.Value, keys []credential.Value) (same, different []Binding) {
	for _, b := range bindings {
		if d, err := desiredOf(b, vars); err == nil && k.isEqual(keys, b, d) {
			same = append(same, b)
		} else {
			different = append(different, b)
		}
	}
	return same, different
}

// date asks Heroku when the release was made that a poll had to find by itself.
// Without an answer the lag stays unknown, which is no reason to fail.
func (k *Reconciler) date(ctx context.Context, from Source, results []Result) {
	hasMoved := func(r Result) bool { return r.Outcome == Published && !r.Moved.IsZero() }
	if !slices.ContainsFunc(results, hasMoved) {
		return
	}
	released, err := k.Heroku(from.TokenSecretID).Released(ctx, from.App)
	if err != nil {
		return
	}
	for i := range results {
		results[i].Released = released
	}
}

func settle(bindings []Binding, outcome Outcome, err error) []Result {
	results := make([]Result, len(bindings))
	for i, b := range bindings {
		results[i] = Result{Binding: b, Outcome: outcome}
		if err != nil {
			results[i].Err = results[i].explain(err)
		}
	}
	return results
}

// inOrder orders the sources so that each comes first in some round, although every round may
// reach only the first of them, and nothing is remembered between rounds.
//
// The sources have ranks, account by account. Who comes first is whose rank agrees
// with the round's number in the most low bits. Among ranks in a row those that agree in k bits
// are one in 2^k, so a round that reaches N/2^k of N apps (rounded up) reaches all of
// these; and among 2^k rounds in a row there is one that agrees with a given rank in
// k bits. So if every round reaches at least B of N apps, each app is reached in any
// 2^k rounds in a row, where 2^k is the least power of two that is no less than N/B:
// in less than 2N/B. That holds for the apps of one account and its requests, for
// all of them and the time of a round, and only if no round of the row is lost.
func inOrder(sources map[Source][]Binding, number uint64) []Source {
	order := slices.SortedFunc(maps.Keys(sources), func(a, b Source) int {
		return cmp.Or(cmp.Compare(a.TokenSecretID, b.TokenSecretID), cmp.Compare(a.App, b.App))
	})
	agree := make(map[Source]int, len(order))
	for rank, source := range order {
		agree[source] = bits.TrailingZeros64(uint64(rank) ^ number)
	}
	slices.SortStableFunc(order, func(a, b Source) int { return agree[b] - agree[a] })
	return order
}

package main

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
)

// checkTime is how long a round may check subscriptions.
const checkTime = time.Minute

// webhooks keeps the webhooks of an account's apps; package heroku implements it.
type webhooks interface {
	Ensure(ctx context.Context, app string, missed bool) (did string, err error)
	Remove(ctx context.Context, app string) (did string, err error)
	State(ctx context.Context, app string) (string, error)
}

// subscriptions decides which apps' subscriptions a round checks: each app once a day,
// and each app where this round filled a secret for the first time or published a value
// that the webhook had missed. It stores nothing between rounds but the last one's time.
type subscriptions struct {
	webhooks func(tokenSecretID string) webhooks // nil: leave subscriptions alone
	period   time.Duration                       // from one round to the next
	last     time.Time                           // the round before, zero in a fresh container
}

// check repairs the subscriptions that are due. It returns a line for each app where it
// changed something or failed; such a failure does not fail the round. The checks are
// few, so they may use the requests that polls leave to other users of the account.
// Skipped apps are checked after their next missed event, or at their daily slot.
func (s *subscriptions) check(ctx context.Context, now time.Time, results []reconcile.Result) []subscribed {
	since := s.last
	if since.IsZero() {
		since = now.Add(-2 * s.period) // the schedule is not punctual
	}
	s.last = now
	on := make(map[string]bool) // by app
	for _, r := range results {
		on[r.App] = on[r.App] || isOn(r)
	}
	return s.each(ctx, results, func(ctx context.Context, from reconcile.Source, results []reconcile.Result) (line subscribed, err error) {
		if slices.ContainsFunc(results, isPublished) || slices.ContainsFunc(results, isMissed) || isDue(from.App, since, now) {
			line.Did, err = s.ensure(ctx, from, results, on[from.App])
		}
		return line, err
	})
}

// inspect returns the state of the subscription of every app that needs one.
func (s *subscriptions) inspect(ctx context.Context, results []reconcile.Result) []subscribed {
	return s.each(ctx, results, func(ctx context.Context, from reconcile.Source, results []reconcile.Result) (line subscribed, err error) {
		if slices.ContainsFunc(results, isOn) {
			line.State, err = s.webhooks(from.TokenSecretID).State(ctx, from.App)
		}
		return line, err
	})
}

// parallelChecks is how many apps' subscriptions are checked at once.
const parallelChecks = 8

// each calls run for every app and returns the lines that are not empty. It skips the
// apps of an account that has used up its requests.
func (s *subscriptions) each(ctx context.Context, results []reconcile.Result, run check) []subscribed {
	if s.webhooks == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	t := checked{limited: make(map[string]bool)}
	sources := make(map[reconcile.Source][]reconcile.Result)
	for _, r := range results {
		sources[r.Source] = append(sources[r.Source], r)
		t.limited[r.TokenSecretID] = t.limited[r.TokenSecretID] || isLimited(r.Err)
	}
	var wg sync.WaitGroup
	free := make(chan struct{}, parallelChecks)
	for from, results := range sources {
		free <- struct{}{}
		if ctx.Err() != nil || !from.Valid() || t.isOver(from) {
			<-free
			continue
		}
		wg.Go(func() {
			defer func() { <-free }()
			var line subscribed
			err := credential.RecoverPanic(func() (err error) {
				line, err = run(ctx, from, results)
				return err
			})
			if err == nil || ctx.Err() == nil { // an app that ran out of time is checked another time
				t.add(from, line, err)
			}
		})
	}
	wg.Wait()
	slices.SortFunc(t.lines, func(a, b subscribed) int { return cmp.Compare(a.App, b.App) })
	return t.lines
}

// check checks the subscription of one app.
type check func(ctx context.Context, from reconcile.Source, results []reconcile.Result) (subscribed, error)

// checked collects the results of the checks.
type checked struct {
	mu      sync.Mutex      // guards what follows
	limited map[string]bool // by token
	lines   []subscribed
}

func (t *checked) isOver(from reconcile.Source) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.limited[from.TokenSecretID]
}

// add adds the line unless it is empty. A rate limit marks the account instead.
func (t *checked) add(from reconcile.Source, line subscribed, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if isLimited(err) {
		t.limited[from.TokenSecretID] = true
		return
	}
	if err != nil {
		line.Error = reconcile.Text(err)
	}
	if line != (subscribed{}) {
		line.App = from.App
		t.lines = append(t.lines, line)
	}
}

// ensure leaves an app with one subscription of ours. If all bindings of the app are
// opted out, whichever tokens they name, it removes the subscription.
func (s *subscriptions) ensure(ctx context.Context, from reconcile.Source, results []reconcile.Result, on bool) (did string, err error) {
	switch {
	case !on:
		return s.webhooks(from.TokenSecretID).Remove(ctx, from.App)
	case !slices.ContainsFunc(results, isOn): // another token's bindings keep it
		return "", nil
	}
	return s.webhooks(from.TokenSecretID).Ensure(ctx, from.App, slices.ContainsFunc(results, isMissed))
}

func isLimited(err error) bool { return errors.Is(err, reconcile.ErrRateLimited) }

func isPublished(r reconcile.Result) bool { return r.Outcome == reconcile.Published }

// isMissed reports whether the webhook should have brought the change. A paused
// stack brings none.
func isMissed(r reconcile.Result) bool { return !r.Moved.IsZero() && r.Current != "" }

func isOn(r reconcile.Result) bool {
	return r.Outcome != reconcile.Off && r.Outcome != reconcile.Elsewhere
}

// isDue reports whether the app's daily slot lies after since and not after now.
func isDue(app string, since, now time.Time) bool {
	h := fnv.New32a()
	h.Write([]byte(app))
	const day = 24 * time.Hour
	due := now.Truncate(day).Add(time.Duration(h.Sum32()) * time.Second % day)
	if due.After(now) {
		due = due.Add(-day)
	}
	return due.After(since)
}

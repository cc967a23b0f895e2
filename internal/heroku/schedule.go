package heroku

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"maps"
	"slices"
	"sync"
	"time"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
)

const (
	// checksTime is how long a round may check webhooks.
	checksTime = time.Minute
	// parallelChecks is how many apps' webhooks are checked at once.
	parallelChecks = 8
	// checksAnHour is how many webhooks of an account are checked within an hour, and each at
	// least as often as that if its apps are no more. Each costs one of its 4,500 requests.
	checksAnHour = 100
)

// AppWebhooks makes, repairs and removes the webhooks of one account's apps. [Webhooks]
// implements it.
type AppWebhooks interface {
	Ensure(ctx context.Context, app string, missed bool) (did string, err error)
	Remove(ctx context.Context, app string) (did string, err error)
	State(ctx context.Context, app string) (string, error)
}

// Schedule decides which apps' webhooks a round checks. It checks each app once an hour, or less
// often if its account has more than 100 apps. It also checks each app where the round filled a
// secret for the first time, or published a value that the webhook had missed. Between rounds it
// keeps nothing but the time of the last one.
type Schedule struct {
	// ForToken returns the webhooks of the account of a token secret. If it is nil, no webhook
	// is checked.
	ForToken func(tokenSecretID string) AppWebhooks
	// Period is the time from one round to the next.
	Period time.Duration

	last time.Time // the round before, zero in a fresh container
}

// Check is what became of the webhook of one app.
type Check struct {
	App string
	Did string // what was done, "" for nothing
	// State is what [Schedule.States] found: right, missing, wrong, doubled, or unknown if the
	// token may not list webhooks. It is "" after [Schedule.Ensure].
	State string
	Err   error
}

// Ensure repairs the webhooks that are due. It returns a check for each app where it
// changed something or failed. The checks are few, so they may use the requests that polls
// leave to other users of the account. Skipped apps are checked after their next missed
// event, or at their next time.
func (s *Schedule) Ensure(ctx context.Context, now time.Time, results []reconcile.Result) []Check {
	since := s.last
	if since.IsZero() || since.After(now) { // an event may have named a time that has not come
		since = now.Add(-2 * s.Period) // the schedule is not punctual
	}
	s.last = now
	on := make(map[string]bool) // by app
	for _, r := range results {
		on[r.App] = on[r.App] || isOn(r)
	}
	apps := make(map[string]int) // by token
	for source := range reconcile.BySource(results) {
		apps[source.TokenSecretID]++
	}
	return s.each(ctx, results, func(ctx context.Context, from reconcile.Source, results []reconcile.Result) (c Check, err error) {
		every := interval(apps[from.TokenSecretID])
		if slices.ContainsFunc(results, isPublished) || slices.ContainsFunc(results, reconcile.Result.Missed) || isDue(from.App, since, now, every) {
			c.Did, err = s.ensure(ctx, from, results, on[from.App])
		}
		return c, err
	})
}

// States returns the state of the webhook of every app that needs one.
func (s *Schedule) States(ctx context.Context, results []reconcile.Result) []Check {
	return s.each(ctx, results, func(ctx context.Context, from reconcile.Source, results []reconcile.Result) (c Check, err error) {
		if slices.ContainsFunc(results, isOn) {
			c.State, err = s.ForToken(from.TokenSecretID).State(ctx, from.App)
		}
		if errors.Is(err, ErrMayNotList) {
			c.State, err = "unknown", nil
		}
		return c, err
	})
}

// ensure leaves an app with one webhook of ours. If all bindings of the app are opted out,
// whichever tokens they name, it removes the webhook.
func (s *Schedule) ensure(ctx context.Context, from reconcile.Source, results []reconcile.Result, on bool) (did string, err error) {
	switch {
	case !on:
		did, err = s.ForToken(from.TokenSecretID).Remove(ctx, from.App)
		if errors.Is(err, ErrMayNotWrite) { // one that nothing needs does no harm
			return "", nil
		}
		return did, err
	case !slices.ContainsFunc(results, isOn): // another token's bindings keep it
		return "", nil
	}
	webhooks, missed := s.ForToken(from.TokenSecretID), slices.ContainsFunc(results, reconcile.Result.Missed)
	did, err = webhooks.Ensure(ctx, from.App, missed)
	if missed && errors.Is(err, ErrMayNotWrite) { // a delivery can be late, so the webhook may be right
		return webhooks.Ensure(ctx, from.App, false)
	}
	return did, err
}

var errNoAddress = errors.New("WEBHOOK_URL is not set: this poller does not know which webhook is ours")

// Remove removes the webhook of one app. A round cannot do it once no secret carries the
// app's tag.
func (s *Schedule) Remove(ctx context.Context, from reconcile.Source) (did string, err error) {
	if s.ForToken == nil {
		return "", errNoAddress
	}
	return s.ForToken(from.TokenSecretID).Remove(ctx, from.App)
}

// checks are those of one round.
type checks struct {
	mu      sync.Mutex      // guards what follows
	limited map[string]bool // by token
	all     []Check
}

// each calls check for every app and returns what is worth telling. It skips the apps of
// an account that has used up its requests.
func (s *Schedule) each(ctx context.Context, results []reconcile.Result,
	check func(context.Context, reconcile.Source, []reconcile.Result) (Check, error)) []Check {
	if s.ForToken == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checksTime)
	defer cancel()
	done := checks{limited: make(map[string]bool)}
	for _, r := range results {
		done.limited[r.TokenSecretID] = done.limited[r.TokenSecretID] || isLimited(r.Err)
	}
	sources := reconcile.BySource(results)
	reconcile.Parallel(parallelChecks, maps.Keys(sources), func(from reconcile.Source) {
		if ctx.Err() != nil || !from.Valid() || done.isOver(from) {
			return
		}
		var c Check
		err := credential.RecoverPanic(func() (err error) {
			c, err = check(ctx, from, sources[from])
			return err
		})
		if err == nil || ctx.Err() == nil { // an app that ran out of time is checked another time
			done.add(from, c, err)
		}
	})
	slices.SortFunc(done.all, func(a, b Check) int { return cmp.Compare(a.App, b.App) })
	return done.all
}

func (d *checks) isOver(from reconcile.Source) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.limited[from.TokenSecretID]
}

// add adds a check that did or found something. A rate limit marks the account instead.
func (d *checks) add(from reconcile.Source, c Check, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case isLimited(err):
		d.limited[from.TokenSecretID] = true
	case err != nil || c != (Check{}):
		c.App, c.Err = from.App, err
		d.all = append(d.all, c)
	}
}

func isLimited(err error) bool { return errors.Is(err, reconcile.ErrRateLimited) }

func isPublished(r reconcile.Result) bool { return r.Outcome == reconcile.Published }

func isOn(r reconcile.Result) bool {
	return r.Outcome != reconcile.Off && r.Outcome != reconcile.Elsewhere
}

// interval is the time between two checks of an app's webhook.
func interval(apps int) time.Duration {
	return time.Hour * time.Duration(1+max(0, apps-1)/checksAnHour)
}

// isDue reports whether the app's time in an interval lies after since and not after now.
func isDue(app string, since, now time.Time, every time.Duration) bool {
	h := fnv.New32a()
	h.Write([]byte(app))
	due := now.Truncate(every).Add(time.Duration(h.Sum32()) * time.Second % every)
	if due.After(now) {
		due = due.Add(-every)
	}
	return due.After(since)
}

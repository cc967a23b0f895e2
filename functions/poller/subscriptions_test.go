package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keepcurrent.example/internal/reconcile"
)

// clerk notes what it is asked to do.
type clerk struct {
	answer func(context.Context) error // nil: all goes well

	mu              sync.Mutex // guards what follows
	mended, removed []string
	missed          []bool
}

func failing(err error) *clerk { return &clerk{answer: func(context.Context) error { return err }} }

func (c *clerk) answers(ctx context.Context) error {
	if c.answer == nil {
		return nil
	}
	return c.answer(ctx)
}

func (c *clerk) Ensure(ctx context.Context, app string, missed bool) (string, error) {
	c.mu.Lock()
	c.mended = append(c.mended, app)
	c.missed = append(c.missed, missed)
	c.mu.Unlock()
	return "", c.answers(ctx)
}

func (c *clerk) State(ctx context.Context, _ string) (string, error) { return "right", c.answers(ctx) }

func (c *clerk) Remove(ctx context.Context, app string) (string, error) {
	c.mu.Lock()
	c.removed = append(c.removed, app)
	c.mu.Unlock()
	return "unsubscribed", c.answers(ctx)
}

func (c *clerk) webhooks(string) webhooks { return c }

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func of(app string, outcome reconcile.Outcome) reconcile.Result {
	r := result("secret of "+app, outcome, nil)
	r.App = app
	return r
}

func TestEveryAppIsLookedAtOnceADay(t *testing.T) {
	t.Parallel()
	var results []reconcile.Result
	for i := range 200 {
		results = append(results, of(fmt.Sprint("app-", i), reconcile.Unchanged))
	}
	c := &clerk{}
	s := &subscriptions{webhooks: c.webhooks, last: noon}
	for now := noon; now.Before(noon.Add(24 * time.Hour)); {
		now = now.Add(7 * time.Minute)
		s.check(t.Context(), now, results)
	}
	seen := make(map[string]int)
	for _, app := range c.mended {
		seen[app]++
	}
	if len(seen) != 200 || len(c.mended) > 202 { // the last round reaches a little into the next day
		t.Errorf("%d apps in %d looks", len(seen), len(c.mended))
	}
}

func TestAnAppIsLookedAtWhenTheWebhookMissedSomething(t *testing.T) {
	t.Parallel()
	c := &clerk{}
	s := &subscriptions{webhooks: c.webhooks, last: noon}
	s.check(t.Context(), noon, []reconcile.Result{of("missed", reconcile.Published), of("missed", reconcile.Unchanged), of("quiet", reconcile.Unchanged), of("held", reconcile.Held)})
	if fmt.Sprint(c.mended, c.missed) != "[missed] [false]" || len(c.removed) != 0 {
		t.Errorf("mended %v, removed %v", c.mended, c.removed)
	}
	followed := of("missed", reconcile.Published)
	followed.Current, followed.Moved = "the version before", noon
	s.check(t.Context(), noon, []reconcile.Result{followed})
	if fmt.Sprint(c.missed) != "[false true]" {
		t.Errorf("a change over a value is a miss, a first value is none: %v", c.missed)
	}
}

func TestARateLimitEndsTheLooks(t *testing.T) {
	t.Parallel()
	c := failing(fmt.Errorf("429: %w", reconcile.ErrRateLimited))
	s := &subscriptions{webhooks: c.webhooks, last: noon}
	var results []reconcile.Result
	for i := range 100 {
		results = append(results, of(fmt.Sprint("app-", i), reconcile.Published))
	}
	if lines := s.check(t.Context(), noon, results); lines != nil || len(c.mended) > 2*parallelChecks {
		t.Errorf("%v after %d", lines, len(c.mended))
	}
}

// What there was no time for comes another time, and is no trouble.
func TestTheLooksEndInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &clerk{answer: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		s := &subscriptions{webhooks: c.webhooks, last: noon}
		var results []reconcile.Result
		for i := range 3 * parallelChecks {
			results = append(results, of(fmt.Sprint("app-", i), reconcile.Published))
		}
		began := time.Now()
		lines := s.check(t.Context(), noon, results)
		if took := time.Since(began); lines != nil || took != checkTime || len(c.mended) != parallelChecks {
			t.Errorf("%v after %v and %d apps", lines, took, len(c.mended))
		}
	})
}

func TestWhatWasDoneAsTheTimeEndedIsSaid(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := &clerk{answer: func(context.Context) error { cancel(); return nil }}
	s := &subscriptions{webhooks: c.webhooks, last: noon.Add(-24 * time.Hour)}
	lines := s.check(ctx, noon, []reconcile.Result{of("off", reconcile.Off)})
	if fmt.Sprint(lines) != "[{off unsubscribed  }]" {
		t.Errorf("%v", lines)
	}
}

func TestWhatIsNoAppIsNotLookedAt(t *testing.T) {
	t.Parallel()
	c := &clerk{}
	s := &subscriptions{webhooks: c.webhooks, last: noon.Add(-24 * time.Hour)}
	s.check(t.Context(), noon, []reconcile.Result{of("../account", reconcile.Failed), of("", reconcile.Off)})
	if len(c.mended)+len(c.removed) != 0 {
		t.Errorf("mended %v, removed %v", c.mended, c.removed)
	}
}

func TestASubscriptionGoesWhenAllBindingsAreOptedOut(t *testing.T) {
	t.Parallel()
	c := &clerk{}
	s := &subscriptions{webhooks: c.webhooks, last: noon.Add(-24 * time.Hour)}
	lines := s.check(t.Context(), noon, []reconcile.Result{of("off", reconcile.Off), of("off", reconcile.Off), of("half", reconcile.Off), of("half", reconcile.Unchanged)})
	if fmt.Sprint(c.mended, c.removed, lines) != "[half] [off] [{off unsubscribed  }]" {
		t.Errorf("mended %v, removed %v, said %v", c.mended, c.removed, lines)
	}
}

func TestTroubleWithASubscriptionIsALineAndNoFailure(t *testing.T) {
	t.Parallel()
	s := &subscriptions{webhooks: failing(errors.New("no scope")).webhooks, last: noon}
	lines := s.check(t.Context(), noon, []reconcile.Result{of("shop", reconcile.Published)})
	if len(lines) != 1 || lines[0].Error != "no scope" {
		t.Errorf("%v", lines)
	}
}

// An opted-out secret under another account's token takes no webhook from the
// bindings that are on.
func TestASubscriptionStaysWhileAnyTokensBindingIsOn(t *testing.T) {
	t.Parallel()
	c := &clerk{}
	s := &subscriptions{webhooks: c.webhooks, last: noon.Add(-24 * time.Hour)}
	other := of("shop", reconcile.Off)
	other.TokenSecretID = "other"
	s.check(t.Context(), noon, []reconcile.Result{other, of("shop", reconcile.Unchanged)})
	if fmt.Sprint(c.mended, c.removed) != "[shop] []" {
		t.Errorf("mended %v, removed %v", c.mended, c.removed)
	}
}

// What polls leave to others is for the looks: else a crowded account would never
// have its webhooks.
func TestADeferredRoundStillSeesToWhatIsDue(t *testing.T) {
	t.Parallel()
	c := &clerk{}
	s := &subscriptions{webhooks: c.webhooks, last: noon.Add(-24 * time.Hour)}
	deferred := of("other", reconcile.Deferred)
	deferred.Err = reconcile.ErrReserve
	s.check(t.Context(), noon, []reconcile.Result{of("shop", reconcile.Published), deferred})
	if slices.Sort(c.mended); fmt.Sprint(c.mended) != "[other shop]" {
		t.Errorf("mended %v", c.mended)
	}
}

func TestNothingIsLookedAtWithoutAnAddressOrRequests(t *testing.T) {
	t.Parallel()
	published := []reconcile.Result{of("shop", reconcile.Published)}
	if lines := (&subscriptions{}).check(t.Context(), noon, published); lines != nil {
		t.Errorf("%v", lines)
	}
	c := &clerk{}
	limited := of("other", reconcile.Deferred)
	limited.Err = reconcile.ErrRateLimited
	(&subscriptions{webhooks: c.webhooks}).check(t.Context(), noon, append(published, limited))
	if len(c.mended) != 0 {
		t.Errorf("mended %v", c.mended)
	}
}

package heroku

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

// clerk is an AppWebhooks that records its calls.
type clerk struct {
	answer func(context.Context) error // nil: all goes well

	mu               sync.Mutex // guards what follows
	ensured, removed []string
	missed           []bool
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
	c.ensured = append(c.ensured, app)
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

func (c *clerk) forToken(string) AppWebhooks { return c }

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func of(app string, outcome reconcile.Outcome) reconcile.Result {
	binding := reconcile.Binding{Secret: reconcile.Secret{Name: "secret of " + app}, Source: reconcile.Source{App: app}, ConfigVar: "DATABASE_URL"}
	return reconcile.Result{Binding: binding, Outcome: outcome}
}

// An account has few requests, so many apps are each checked more seldom.
func TestEveryAppIsCheckedOnceAnHourOrAHundredAnHour(t *testing.T) {
	t.Parallel()
	for apps, every := range map[int]time.Duration{1: time.Hour, 100: time.Hour, 101: 2 * time.Hour, 201: 3 * time.Hour} {
		var results []reconcile.Result
		for i := range apps {
			results = append(results, of(fmt.Sprint("app-", i), reconcile.Unchanged))
		}
		c := &clerk{}
		s := &Schedule{ForToken: c.forToken, last: noon}
		for now := noon; now.Before(noon.Add(every)); {
			now = now.Add(5 * time.Minute)
			s.Ensure(t.Context(), now, results)
		}
		slices.Sort(c.ensured)
		if checks, seen := len(c.ensured), len(slices.Compact(c.ensured)); checks != apps || seen != apps {
			t.Errorf("%d apps: %d of them in %d checks within %v", apps, seen, checks, every)
		}
	}
}

// Another account has requests of its own.
func TestTheAppsOfOtherAccountsMakeNoCheckLater(t *testing.T) {
	t.Parallel()
	var results []reconcile.Result
	for i := range 300 {
		r := of(fmt.Sprint("app-", i), reconcile.Unchanged)
		r.TokenSecretID = fmt.Sprint("account-", i%3)
		results = append(results, r)
	}
	c := &clerk{}
	s := &Schedule{ForToken: c.forToken, last: noon}
	for now := noon; now.Before(noon.Add(time.Hour)); {
		now = now.Add(5 * time.Minute)
		s.Ensure(t.Context(), now, results)
	}
	if len(c.ensured) != 300 {
		t.Errorf("%d of 300 apps were checked within an hour", len(c.ensured))
	}
}

// Who may invoke the poller can name any time, again and again.
func TestATimeThatHasNotComeDelaysNoCheck(t *testing.T) {
	t.Parallel()
	c := &clerk{}
	s := &Schedule{ForToken: c.forToken, Period: 5 * time.Minute, last: noon}
	shop := []reconcile.Result{of("shop", reconcile.Unchanged)}
	checks := 0
	for minutes := 5; minutes <= 60; minutes += 5 {
		s.Ensure(t.Context(), noon.AddDate(1, 0, 0), shop)
		before := len(c.ensured)
		s.Ensure(t.Context(), noon.Add(time.Duration(minutes)*time.Minute), shop)
		checks += len(c.ensured) - before
	}
	if checks == 0 {
		t.Error("no check within an hour")
	}
}

func TestAnAppIsCheckedWhenTheWebhookMissedSomething(t *testing.T) {
	t.Parallel()
	c := &clerk{}
	s := &Schedule{ForToken: c.forToken, last: noon}
	s.Ensure(t.Context(), noon, []reconcile.Result{of("missed", reconcile.Published), of("missed", reconcile.Unchanged), of("quiet", reconcile.Unchanged), of("held", reconcile.Held)})
	if fmt.Sprint(c.ensured, c.missed) != "[missed] [false]" || len(c.removed) != 0 {
		t.Errorf("ensured %v, removed %v", c.ensured, c.removed)
	}
	followed := of("missed", reconcile.Published)
	followed.Current, followed.Moved = "the version before", noon
	s.Ensure(t.Context(), noon, []reconcile.Result{followed})
	if fmt.Sprint(c.missed) != "[false true]" {
		t.Errorf("a change over a value is a miss, a first value is none: %v", c.missed)
	}
	c.answer, c.missed = func(context.Context) error { return ErrMayNotWrite }, nil
	if s.Ensure(t.Context(), noon, []reconcile.Result{followed}); fmt.Sprint(c.missed) != "[true false]" {
		t.Errorf("a token that may not give the key again: %v", c.missed)
	}
}

func TestARateLimitEndsTheChecks(t *testing.T) {
	t.Parallel()
	c := failing(fmt.Errorf("429: %w", reconcile.ErrRateLimited))
	s := &Schedule{ForToken: c.forToken, last: noon}
	var results []reconcile.Result
	for i := range 100 {
		results = append(results, of(fmt.Sprint("app-", i), reconcile.Published))
	}
	if lines := s.Ensure(t.Context(), noon, results); lines != nil || len(c.ensured) > 2*parallelChecks {
		t.Errorf("%v after %d", lines, len(c.ensured))
	}
}

// Apps that there was no time for are checked another time, and are no error.
func TestTheChecksEndInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &clerk{answer: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		s := &Schedule{ForToken: c.forToken, last: noon}
		var results []reconcile.Result
		for i := range 3 * parallelChecks {
			results = append(results, of(fmt.Sprint("app-", i), reconcile.Published))
		}
		began := time.Now()
		lines := s.Ensure(t.Context(), noon, results)
		if took := time.Since(began); lines != nil || took != checksTime || len(c.ensured) != parallelChecks {
			t.Errorf("%v after %v and %d apps", lines, took, len(c.ensured))
		}
	})
}

func TestWhatWasDoneAsTheTimeEndedIsSaid(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := &clerk{answer: func(context.Context) error { cancel(); return nil }}
	s := &Schedule{ForToken: c.forToken, last: noon.Add(-time.Hour)}
	lines := s.Ensure(ctx, noon, []reconcile.Result{of("off", reconcile.Off)})
	if fmt.Sprint(lines) != "[{off unsubscribed  <nil>}]" {
		t.Errorf("%v", lines)
	}
}

func TestAnAppTagThatIsNoAppIsNotChecked(t *testing.T) {
	t.Parallel()
	c := &clerk{}
	s := &Schedule{ForToken: c.forToken, last: noon.Add(-time.Hour)}
	s.Ensure(t.Context(), noon, []reconcile.Result{of("../account", reconcile.Failed), of("", reconcile.Off)})
	if len(c.ensured)+len(c.removed) != 0 {
		t.Errorf("ensured %v, removed %v", c.ensured, c.removed)
	}
}

func TestASubscriptionGoesWhenAllBindingsAreOptedOut(t *testing.T) {
	t.Parallel()
	c := &clerk{}
	s := &Schedule{ForToken: c.forToken, last: noon.Add(-time.Hour)}
	lines := s.Ensure(t.Context(), noon, []reconcile.Result{of("off", reconcile.Off), of("off", reconcile.Off), of("half", reconcile.Off), of("half", reconcile.Unchanged)})
	if fmt.Sprint(c.ensured, c.removed, lines) != "[half] [off] [{off unsubscribed  <nil>}]" {
		t.Errorf("ensured %v, removed %v, said %v", c.ensured, c.removed, lines)
	}
}

// A webhook that nothing needs any more does no harm, and no person must come for it.
func TestATokenThatMayNotRemoveAWebhookIsNoError(t *testing.T) {
	t.Parallel()
	c := failing(fmt.Errorf("removing: %w", ErrMayNotWrite))
	s := &Schedule{ForToken: c.forToken, last: noon.Add(-time.Hour)}
	if lines := s.Ensure(t.Context(), noon, []reconcile.Result{of("shop", reconcile.Off)}); len(lines) != 0 || len(c.removed) != 1 {
		t.Errorf("%v, removed %v", lines, c.removed)
	}
}

func TestAWebhookThatMayNotBeListedIsUnknown(t *testing.T) {
	t.Parallel()
	s := &Schedule{ForToken: failing(fmt.Errorf("listing: %w", ErrMayNotList)).forToken}
	if lines := s.States(t.Context(), []reconcile.Result{of("shop", reconcile.Unchanged)}); fmt.Sprint(lines) != "[{shop  unknown <nil>}]" {
		t.Errorf("%v", lines)
	}
}

func TestAnErrorWithASubscriptionIsALineAndNoFailure(t *testing.T) {
	t.Parallel()
	s := &Schedule{ForToken: failing(errors.New("no scope")).forToken, last: noon}
	lines := s.Ensure(t.Context(), noon, []reconcile.Result{of("shop", reconcile.Published)})
	if len(lines) != 1 || lines[0].Err.Error() != "no scope" {
		t.Errorf("%v", lines)
	}
}

// An opted-out secret under another account's token does not remove the webhook that
// the bindings that are on need.
func TestASubscriptionStaysWhileAnyTokensBindingIsOn(t *testing.T) {
	t.Parallel()
	c := &clerk{}
	s := &Schedule{ForToken: c.forToken, last: noon.Add(-time.Hour)}
	other := of("shop", reconcile.Off)
	other.TokenSecretID = "other"
	s.Ensure(t.Context(), noon, []reconcile.Result{other, of("shop", reconcile.Unchanged)})
	if fmt.Sprint(c.ensured, c.removed) != "[shop] []" {
		t.Errorf("ensured %v, removed %v", c.ensured, c.removed)
	}
}

// The checks may use the requests that polls leave to others. Otherwise an account
// without requests to spare would never get its webhooks.
func TestADeferredRoundStillChecksWhatIsDue(t *testing.T) {
	t.Parallel()
	c := &clerk{}
	s := &Schedule{ForToken: c.forToken, last: noon.Add(-time.Hour)}
	deferred := of("other", reconcile.Deferred)
	deferred.Err = reconcile.ErrReserve
	s.Ensure(t.Context(), noon, []reconcile.Result{of("shop", reconcile.Published), deferred})
	if slices.Sort(c.ensured); fmt.Sprint(c.ensured) != "[other shop]" {
		t.Errorf("ensured %v", c.ensured)
	}
}

func TestNothingIsCheckedWithoutAnAddressOrRequests(t *testing.T) {
	t.Parallel()
	published := []reconcile.Result{of("shop", reconcile.Published)}
	if lines := (&Schedule{}).Ensure(t.Context(), noon, published); lines != nil {
		t.Errorf("%v", lines)
	}
	c := &clerk{}
	limited := of("other", reconcile.Deferred)
	limited.Err = reconcile.ErrRateLimited
	(&Schedule{ForToken: c.forToken}).Ensure(t.Context(), noon, append(published, limited))
	if len(c.ensured) != 0 {
		t.Errorf("ensured %v", c.ensured)
	}
}

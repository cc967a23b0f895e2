package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
)

// poll runs a round.
func (h *fixture) poll() []reconcile.Result {
	h.t.Helper()
	results, err := h.reconciler.Poll(h.t.Context(), reconcile.Round{})
	if err != nil {
		h.t.Fatal(err)
	}
	return results
}

// outcomes are those of a round, by secret.
type outcomes map[string]reconcile.Outcome

// expect runs a round and compares its outcomes.
func (h *fixture) expect(want outcomes) {
	h.t.Helper()
	got := make(outcomes)
	for _, r := range h.poll() {
		got[r.Name] = r.Outcome
	}
	for name, outcome := range want {
		if got[name] != outcome {
			h.t.Errorf("%s: got %q, want %q", name, got[name], outcome)
		}
	}
	if len(got) != len(want) {
		h.t.Errorf("the outcomes are %v, want %v", got, want)
	}
}

func TestPollFillsRepairsAndRests(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.show(1)
	h.bind("a")
	b := h.bind("b", "heroku:format=url")
	h.expect(outcomes{"a": reconcile.Published, "b": reconcile.Published})
	h.account.show(2)
	h.expect(outcomes{"a": reconcile.Published, "b": reconcile.Published})
	if h.value(b) != want(2) {
		t.Errorf("the secret holds %s", h.value(b))
	}
	h.aws.ResetCalls()
	h.account.reads = 0
	h.expect(outcomes{"a": reconcile.Unchanged, "b": reconcile.Unchanged})
	if calls := h.aws.Calls(); calls["ListSecrets"] != 1 || len(calls) != 1 || h.account.reads != 1 {
		t.Errorf("an idle round made %d reads of config vars and the calls %v", h.account.reads, calls)
	}
}

func TestPollDatesWhatItPublishes(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.show(1)
	h.account.released = time.Now().Add(-time.Minute)
	h.bind("late")
	if lag, known := h.poll()[0].Lag(); known {
		t.Errorf("the first value lags %v behind a release that it has nothing to do with", lag)
	}
	h.account.show(2)
	r := h.poll()[0]
	if lag, known := r.Lag(); !known || lag < time.Minute || lag != r.Moved.Sub(h.account.released) {
		t.Errorf("lag %v", lag)
	}
	h.reconciler.DryRun = true
	h.account.show(3)
	if r := h.poll()[0]; r.Outcome != reconcile.Published || !r.Released.IsZero() {
		t.Errorf("a dry run, which has published nothing, asked for the release: %+v", r)
	}
}

func TestPollKeepsTheTroubleOfOneBindingToItself(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.show(1)
	h.bind("good")
	h.bind("bad-tag", "heroku:format=xml")
	h.bind("bad-var", "heroku:config-var=NONE")
	h.bind("off", "heroku:sync=off")
	h.expect(outcomes{
		"good": reconcile.Published, "bad-tag": reconcile.Failed, "bad-var": reconcile.Failed, "off": reconcile.Off,
	})
}

// A list may be five minutes old, so it can select bindings but cannot be the fence.
func TestPollIsNotMisledByALaggingList(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.show(1)
	b := h.bind("lagging", "heroku:format=url")
	h.aws.SetListLag(5 * time.Minute)
	h.expect(outcomes{"lagging": reconcile.Published})
	h.aws.ResetCalls()
	h.expect(outcomes{"lagging": reconcile.Unchanged})
	if calls := h.aws.Calls(); h.writes() != 0 || calls["DescribeSecret"] != 2 {
		t.Errorf("calls: %v", calls)
	}
	h.account.show(2)
	h.expect(outcomes{"lagging": reconcile.Published})
	if h.value(b) != want(2) {
		t.Errorf("the secret holds %s", h.value(b))
	}
}

func TestARateLimitEndsTheRound(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	want := outcomes{}
	for i := range 40 {
		app := fmt.Sprint("app-", i)
		h.bind(app, "heroku:app="+app)
		want[app] = reconcile.Deferred
	}
	h.account.err = fmt.Errorf("Heroku answered 429: %w", reconcile.ErrRateLimited)
	h.expect(want)
	if h.account.reads > parallelApps {
		t.Errorf("%d of %d apps were asked for, and only %d can have been under way when the first was refused", h.account.reads, len(want), parallelApps)
	}
}

// Otherwise no app of the account would ever be checked, and its known number of requests
// would never be updated. Requests that come back during the round are for the next one.
func TestOneAppIsCheckedOfAnAccountThatHasNothingToSpare(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.show(1)
	const apps = 5
	for i := range apps {
		app := fmt.Sprint("app-", i)
		h.bind(app, "heroku:app="+app)
	}
	h.poll()
	h.account.reads = 0
	asked := 0
	h.account.spare = func() bool { asked++; return asked > 1 }
	results, err := h.reconciler.Poll(t.Context(), reconcile.Round{})
	if err != nil {
		t.Fatal(err)
	}
	unchanged, deferred := 0, 0
	for _, r := range results {
		switch {
		case r.Outcome == reconcile.Unchanged:
			unchanged++
		case r.Outcome == reconcile.Deferred && errors.Is(r.Err, reconcile.ErrReserve):
			deferred++
		}
	}
	if unchanged != 1 || deferred != apps-1 || h.account.reads != 1 {
		t.Errorf("of %d apps %d were looked at, with %d reads, and %d deferred", apps, unchanged, h.account.reads, deferred)
	}
}

// An account without requests does not stop the others.
func TestALimitIsOneAccountsOwn(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.show(1)
	poor := &account{err: fmt.Errorf("429: %w", reconcile.ErrRateLimited)}
	h.reconciler.Heroku = func(tokenSecretID string) reconcile.Heroku {
		if tokenSecretID == "poor" {
			return poor
		}
		return h.account
	}
	want := outcomes{}
	for i := range 20 {
		rich, limited := fmt.Sprint("rich-", i), fmt.Sprint("limited-", i)
		h.bind(rich, "heroku:app="+rich)
		h.bind(limited, "heroku:app="+limited, "heroku:token=poor")
		want[rich], want[limited] = reconcile.Published, reconcile.Deferred
	}
	h.expect(want)
}

func TestARoundThatIsOutOfTimeDefers(t *testing.T) {
	t.Parallel()
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tests := map[string]struct {
		ctx   context.Context
		round reconcile.Round
	}{
		"the function has 10 seconds left": {soon, reconcile.Round{}},
		"the next round has begun":         {t.Context(), reconcile.Round{End: time.Now().Add(-time.Second)}},
	}
	for name, tt := range tests {
		h := newFixture(t)
		h.bind("late")
		results, err := h.reconciler.Poll(tt.ctx, tt.round)
		if err != nil || len(results) != 1 || results[0].Outcome != reconcile.Deferred || !errors.Is(results[0].Err, reconcile.ErrNoTime) {
			t.Errorf("%s: %v, %v", name, results, err)
		}
		if h.account.reads != 0 {
			t.Errorf("%s: Heroku was asked all the same", name)
		}
	}
}

func TestARoundWithTimeLeftDefersNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	h := newFixture(t)
	h.account.show(1)
	h.bind("in-time")
	h.bind("opted-out", "heroku:sync=off")
	results, err := h.reconciler.Poll(ctx, reconcile.Round{End: time.Now().Add(time.Minute)})
	if err != nil || len(results) != 2 || results[0].Outcome != reconcile.Off || results[0].Err != nil || results[1].Outcome != reconcile.Published {
		t.Errorf("%v, %v", results, err)
	}
}

func TestPollFailsWithoutAList(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newFixture(t).reconciler.Poll(ctx, reconcile.Round{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a round without a list: %v", err)
	}
}

func TestWithoutKeysNothingIsPublished(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.show(1)
	h.bind("keyless")
	h.reconciler.Keys = keys()
	h.expect(outcomes{"keyless": reconcile.Failed})
}

// The webhook has read a signing key that this container does not know yet.
func TestPollAsksForNewerKeysBeforeItBelievesInADifference(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.show(1)
	b := h.bind("rekeyed")
	h.reconciler.Keys = keys("new-EXAMPLE", "old-EXAMPLE")
	h.mustPublish(b)
	h.reconciler.Keys = &keySet{values: keys("old-EXAMPLE").values, newer: keys("new-EXAMPLE", "old-EXAMPLE").values}
	h.expect(outcomes{"rekeyed": reconcile.Unchanged})
}

func TestAnOptedOutSecretMayHaveInvalidOtherTags(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.bind("off", "heroku:sync=off", "heroku:format=xml")
	h.bind("neither", "heroku:sync=perhaps")
	h.expect(outcomes{"off": reconcile.Off, "neither": reconcile.Failed})
}

func TestAPanicIsAFailureAndShowsNothing(t *testing.T) {
	t.Parallel()
	for where, spoil := range map[string]func(*fixture){
		"the login":       func(h *fixture) { h.reconciler.Database = panics{} },
		"the config vars": func(h *fixture) { h.account.before = func(int) { panic(url(1)) } },
		"the value": func(h *fixture) {
			h.reconciler.Secrets = unreadable{h.reconciler.Secrets, func() error { panic(url(1)) }}
		},
	} {
		for _, inspect := range []bool{false, true} {
			h := newFixture(t)
			h.account.show(1)
			h.put(h.bind("panics"), want(2))
			spoil(h)
			h.reconciler.DryRun, h.reconciler.Inspect = inspect, inspect
			results := h.poll()
			if len(results) != 1 || results[0].Outcome != reconcile.Failed || strings.Contains(results[0].Err.Error(), "EXAMPLE") {
				t.Errorf("in %s, inspecting %t: %v", where, inspect, results)
			}
		}
	}
}

// unreadable is a Secrets whose values cannot be read.
type unreadable struct {
	reconcile.Secrets
	why func() error
}

func (u unreadable) Read(context.Context, string, string) (credential.Value, error) {
	return credential.Value{}, u.why()
}

type panics struct{}

func (panics) Login(_ context.Context, u connection.URL, _ string) error { panic(u.Text().Reveal()) }

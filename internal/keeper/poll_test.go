package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/keeper"
)

// poll runs a round.
func (h *house) poll() []keeper.Result {
	h.t.Helper()
	results, err := h.keeper.Poll(h.t.Context(), keeper.Round{})
	if err != nil {
		h.t.Fatal(err)
	}
	return results
}

// outcomes are those of a round, by secret.
type outcomes map[string]keeper.Outcome

// expect runs a round and compares its outcomes.
func (h *house) expect(want outcomes) {
	h.t.Helper()
	got := make(outcomes)
	for _, r := range h.poll() {
		got[r.Name] = r.Outcome
	}
	if !maps.Equal(got, want) {
		h.t.Errorf("got %v, want %v", got, want)
	}
}

func TestPollFillsRepairsAndRests(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	h.bind("a")
	b := h.bind("b", "heroku:format=url")
	h.expect(outcomes{"a": keeper.Published, "b": keeper.Published})
	h.account.show(2)
	h.expect(outcomes{"a": keeper.Published, "b": keeper.Published})
	if h.value(b) != want(2) {
		t.Errorf("the secret holds %s", h.value(b))
	}
	h.aws.ResetCalls()
	h.account.reads = 0
	h.expect(outcomes{"a": keeper.Unchanged, "b": keeper.Unchanged})
	if calls := h.aws.Calls(); calls["ListSecrets"] != 1 || len(calls) != 1 || h.account.reads != 1 {
		t.Errorf("an idle round made %d reads of config vars and the calls %v", h.account.reads, calls)
	}
}

func TestPollDatesWhatItPublishes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
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
	h.keeper.DryRun = true
	h.account.show(3)
	if r := h.poll()[0]; r.Outcome != keeper.Published || !r.Released.IsZero() {
		t.Errorf("a dry run, which has published nothing, asked for the release: %+v", r)
	}
}

func TestPollKeepsTheTroubleOfOneBindingToItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	h.bind("good")
	h.bind("bad-tag", "heroku:format=xml")
	h.bind("bad-var", "heroku:config-var=NONE")
	h.bind("off", "heroku:sync=off")
	h.expect(outcomes{
		"good": keeper.Published, "bad-tag": keeper.Failed, "bad-var": keeper.Failed, "off": keeper.Off,
	})
}

// The list of five minutes ago is a filter, and no fence.
func TestPollIsNotMisledByALaggingList(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	b := h.bind("lagging", "heroku:format=url")
	h.aws.SetListLag(5 * time.Minute)
	h.expect(outcomes{"lagging": keeper.Published})
	h.aws.ResetCalls()
	h.expect(outcomes{"lagging": keeper.Unchanged})
	if calls := h.aws.Calls(); h.writes() != 0 || calls["DescribeSecret"] != 1 {
		t.Errorf("calls: %v", calls)
	}
	h.account.show(2)
	h.expect(outcomes{"lagging": keeper.Published})
	if h.value(b) != want(2) {
		t.Errorf("the secret holds %s", h.value(b))
	}
}

func TestARateLimitEndsTheRound(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const apps = 40
	want := outcomes{}
	for i := range apps {
		want[h.bind(fmt.Sprint("of-", i)).Name] = keeper.Deferred
	}
	h.account.err = fmt.Errorf("Heroku answered 429: %w", keeper.ErrRateLimited)
	h.keeper.Secrets = spread{h.keeper.Secrets}
	h.expect(want)
	if h.account.reads > apps/2 {
		t.Errorf("%d of %d apps were asked for after the rate limit was used up", h.account.reads, apps)
	}
}

// Or no app of it would have its turn, and what is known of its requests would stay
// as it is. What comes back during the round is for the next one.
func TestOneAppIsLookedAtOfAnAccountThatHasNothingToSpare(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	asked := 0
	h.account.spare = func() bool { asked++; return asked > 1 }
	const apps = 5
	for i := range apps {
		h.bind(fmt.Sprint("of-", i))
	}
	h.keeper.Secrets = spread{h.keeper.Secrets}
	results, err := h.keeper.Poll(t.Context(), keeper.Round{})
	if err != nil {
		t.Fatal(err)
	}
	deferred := 0
	for _, r := range results {
		if r.Outcome == keeper.Deferred && errors.Is(r.Err, keeper.ErrReserve) {
			deferred++
		}
	}
	if deferred != apps-1 || h.account.reads != 1 {
		t.Errorf("%d of %d apps were deferred, and %d asked for", deferred, apps, h.account.reads)
	}
}

// One account that has nothing left takes nothing from another.
func TestALimitIsOneAccountsOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	poor := &account{err: fmt.Errorf("429: %w", keeper.ErrRateLimited)}
	h.keeper.Heroku = func(token string) keeper.Heroku {
		if token == "poor" {
			return poor
		}
		return h.account
	}
	want := outcomes{}
	for i := range 20 {
		rich, limited := fmt.Sprint("rich-", i), fmt.Sprint("limited-", i)
		h.bind(rich)
		h.bind(limited, "heroku:token=poor")
		want[rich], want[limited] = keeper.Off, keeper.Deferred // looked at, and found to follow another app than the list says
	}
	h.keeper.Secrets = spread{h.keeper.Secrets}
	h.expect(want)
}

// spread gives each listed secret an app of its own.
type spread struct{ keeper.Secrets }

func (s spread) List(ctx context.Context) ([]binding.Secret, error) {
	secrets, err := s.Secrets.List(ctx)
	for i := range secrets {
		secrets[i].Tags[binding.AppTag] = fmt.Sprint("app-", i)
	}
	return secrets, err
}

func TestARoundThatIsOutOfTimeDefers(t *testing.T) {
	t.Parallel()
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tests := map[string]struct {
		ctx   context.Context
		round keeper.Round
	}{
		"the function has 10 seconds left": {soon, keeper.Round{}},
		"the next round has begun":         {t.Context(), keeper.Round{End: time.Now().Add(-time.Second)}},
	}
	for name, tt := range tests {
		h := newHouse(t)
		h.bind("late")
		results, err := h.keeper.Poll(tt.ctx, tt.round)
		if err != nil || len(results) != 1 || results[0].Outcome != keeper.Deferred || !errors.Is(results[0].Err, keeper.ErrNoTime) {
			t.Errorf("%s: %v, %v", name, results, err)
		}
		if h.account.reads != 0 {
			t.Errorf("%s: Heroku was asked all the same", name)
		}
	}
}

func TestPollFailsWithoutAList(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newHouse(t).keeper.Poll(ctx, keeper.Round{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a round without a list: %v", err)
	}
}

func TestWithoutKeysNothingIsPublished(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	h.bind("keyless")
	h.keeper.Keys = keys()
	h.expect(outcomes{"keyless": keeper.Failed})
}

// The webhook has read a signing key that this container does not know yet.
func TestPollAsksForNewerKeysBeforeItBelievesInADifference(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	b := h.bind("rekeyed")
	h.keeper.Keys = keys("new-EXAMPLE", "old-EXAMPLE")
	h.mustPublish(b)
	h.keeper.Keys = &keySet{values: keys("old-EXAMPLE").values, newer: keys("new-EXAMPLE", "old-EXAMPLE").values}
	h.expect(outcomes{"rekeyed": keeper.Unchanged})
}

func TestAnOptedOutSecretMayHaveNonsenseInItsOtherTags(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.bind("off", "heroku:sync=off", "heroku:format=xml")
	h.bind("neither", "heroku:sync=perhaps")
	h.expect(outcomes{"off": keeper.Off, "neither": keeper.Failed})
}

func TestAPanicIsAFailureAndShowsNothing(t *testing.T) {
	t.Parallel()
	for where, spoil := range map[string]func(*house){
		"the login":       func(h *house) { h.keeper.Database = panics{} },
		"the config vars": func(h *house) { h.account.before = func(int) { panic(url(1)) } },
	} {
		h := newHouse(t)
		h.account.show(1)
		h.bind("panics")
		spoil(h)
		results := h.poll()
		if len(results) != 1 || results[0].Outcome != keeper.Failed || strings.Contains(results[0].Err.Error(), "EXAMPLE") {
			t.Errorf("in %s: %v", where, results)
		}
	}
}

type panics struct{}

func (panics) Login(_ context.Context, u connection.URL, _ string) error { panic(u.Text().Reveal()) }

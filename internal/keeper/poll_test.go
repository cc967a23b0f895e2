package keeper_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/keeper"
)

func (h *house) results() []keeper.Result {
	h.t.Helper()
	results, err := h.keeper.Poll(h.t.Context(), keeper.Round{})
	if err != nil {
		h.t.Fatal(err)
	}
	return results
}

// poll runs a round and returns its outcomes by secret.
func (h *house) poll(ctx context.Context) map[string]keeper.Outcome {
	h.t.Helper()
	results, err := h.keeper.Poll(ctx, keeper.Round{})
	if err != nil {
		h.t.Fatal(err)
	}
	outcomes := make(map[string]keeper.Outcome)
	for _, r := range results {
		outcomes[r.Name] = r.Outcome
	}
	return outcomes
}

func (h *house) expect(got, want map[string]keeper.Outcome) {
	h.t.Helper()
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
	h.bind("other-app", "heroku:app-team=not a binding of ours")
	h.expect(h.poll(t.Context()), map[string]keeper.Outcome{"a": keeper.Published, "b": keeper.Published, "other-app": keeper.Published})
	h.account.show(2)
	h.expect(h.poll(t.Context()), map[string]keeper.Outcome{"a": keeper.Published, "b": keeper.Published, "other-app": keeper.Published})
	if h.value(b) != want(2) {
		t.Errorf("the secret holds %s", h.value(b))
	}
	h.aws.ResetCalls()
	h.account.reads = 0
	h.expect(h.poll(t.Context()), map[string]keeper.Outcome{"a": keeper.Unchanged, "b": keeper.Unchanged, "other-app": keeper.Unchanged})
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
	if lag, known := h.results()[0].Lag(); known {
		t.Errorf("the first value lags %v behind a release that it has nothing to do with", lag)
	}
	h.account.show(2)
	results := h.results()
	if lag, known := results[0].Lag(); !known || lag < time.Minute || lag > 2*time.Minute {
		t.Errorf("lag %v", lag)
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
	h.expect(h.poll(t.Context()), map[string]keeper.Outcome{
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
	h.expect(h.poll(t.Context()), map[string]keeper.Outcome{"lagging": keeper.Published})
	h.aws.ResetCalls()
	h.expect(h.poll(t.Context()), map[string]keeper.Outcome{"lagging": keeper.Unchanged})
	if calls := h.aws.Calls(); wrote(calls) != 0 || calls["DescribeSecret"] != 1 {
		t.Errorf("calls: %v", calls)
	}
	h.account.show(2)
	h.expect(h.poll(t.Context()), map[string]keeper.Outcome{"lagging": keeper.Published})
	if h.value(b) != want(2) {
		t.Errorf("the secret holds %s", h.value(b))
	}
}

func TestARateLimitEndsTheRound(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const apps = 40
	for i := range apps {
		h.bind(fmt.Sprint("of-", i))
	}
	h.account.err = fmt.Errorf("Heroku answered 429: %w", keeper.ErrRateLimited)
	h.keeper.Secrets = spread{h.keeper.Secrets}
	for name, outcome := range h.poll(t.Context()) {
		if outcome != keeper.Deferred {
			t.Errorf("%s: %s", name, outcome)
		}
	}
	if h.account.reads > apps/2 {
		t.Errorf("%d of %d apps were asked for after the rate limit was used up", h.account.reads, apps)
	}
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

func TestARoundWithoutTimeDefers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.bind("too-late")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	h.expect(h.poll(ctx), map[string]keeper.Outcome{"too-late": keeper.Deferred})
	if h.account.reads != 0 {
		t.Error("Heroku was asked all the same")
	}
}

func TestPollFailsWithoutAList(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.aws.Close()
	if _, err := h.keeper.Poll(t.Context(), keeper.Round{}); err == nil {
		t.Error("a round without a list succeeded")
	}
}

func TestWithoutKeysNothingIsPublished(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	h.bind("keyless")
	h.keeper.Keys = keys()
	h.expect(h.poll(t.Context()), map[string]keeper.Outcome{"keyless": keeper.Failed})
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
	h.expect(h.poll(t.Context()), map[string]keeper.Outcome{"rekeyed": keeper.Unchanged})
}

func TestAnOptedOutSecretMayHaveNonsenseInItsOtherTags(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.bind("off", "heroku:sync=off", "heroku:format=xml")
	h.bind("neither", "heroku:sync=perhaps")
	h.expect(h.poll(t.Context()), map[string]keeper.Outcome{"off": keeper.Off, "neither": keeper.Failed})
}

func TestAPanicIsAFailureAndShowsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	h.bind("panics")
	h.keeper.Database = panics{}
	for _, r := range h.results() {
		if r.Outcome != keeper.Failed || strings.Contains(r.Err.Error(), "EXAMPLE") {
			t.Errorf("%s: %v", r.Outcome, r.Err)
		}
	}
}

type panics struct{}

func (panics) Login(_ context.Context, u connection.URL, _ string) error { panic(u.Text().Reveal()) }

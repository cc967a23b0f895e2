package keeper_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/keeper"
)

// Whatever the rounds can afford, and however that changes from round to round, no
// app waits longer than the poorest of them implies.
func TestEveryAppHasItsTurnWithinABoundedNumberOfRounds(t *testing.T) {
	t.Parallel()
	for _, apps := range []int{1, 2, 3, 64, 100, 257} {
		for _, least := range []int{1, 2, 7, 100} {
			t.Run(fmt.Sprintf("%d apps, %d a round", apps, least), func(t *testing.T) {
				t.Parallel()
				bound := uint64(1)
				for bound*uint64(least) < uint64(apps) {
					bound *= 2
				}
				sources := make(map[binding.Source][]binding.Binding)
				for i := range apps {
					sources[binding.Source{App: fmt.Sprint("app-", i)}] = nil
				}
				random := rand.New(rand.NewPCG(uint64(apps), uint64(least)))
				first := random.Uint64() >> 1
				seen := make(map[binding.Source]uint64) // the turn after the last one
				for source := range sources {
					seen[source] = first
				}
				for turn := first; turn < first+5*bound; turn++ {
					order := keeper.InTurn(sources, turn)
					if len(order) != apps {
						t.Fatalf("%d apps in the order", len(order))
					}
					for _, source := range order[:min(apps, least+random.IntN(3))] {
						seen[source] = turn + 1
					}
					for source, since := range seen {
						if turn+1-since >= bound+1 {
							t.Fatalf("%s has waited for more than %d rounds", source.App, bound)
						}
					}
				}
			})
		}
	}
}

// Accounts, too, have their turns, if there is only time for some.
func TestNoAccountIsAlwaysLast(t *testing.T) {
	t.Parallel()
	const accounts, reach = 400, 100
	sources := make(map[binding.Source][]binding.Binding)
	for i := range accounts {
		sources[binding.Source{Token: fmt.Sprintf("account-%03d", i), App: "shop"}] = nil
	}
	seen := make(map[binding.Source]bool)
	for turn := range uint64(4) {
		for _, source := range keeper.InTurn(sources, turn)[:reach] {
			seen[source] = true
		}
	}
	if len(seen) != accounts {
		t.Errorf("%d of %d accounts are seen in 4 rounds of %d", len(seen), accounts, reach)
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
	want := map[string]keeper.Outcome{}
	for i := range 20 {
		rich, limited := fmt.Sprint("rich-", i), fmt.Sprint("limited-", i)
		h.bind(rich)
		h.bind(limited, "heroku:token=poor")
		want[rich], want[limited] = keeper.Off, keeper.Deferred // looked at, and found to follow another app than the list says
	}
	h.keeper.Secrets = spread{h.keeper.Secrets}
	h.expect(h.poll(t.Context()), want)
}

func TestNoAppIsBegunAfterTheRoundsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	h.bind("late")
	results, err := h.keeper.Poll(t.Context(), keeper.Round{End: time.Now().Add(-time.Second)})
	if err != nil || results[0].Outcome != keeper.Deferred || !errors.Is(results[0].Err, keeper.ErrNoTime) {
		t.Errorf("%v, %v", results, err)
	}
}

func TestAnInspectionLooksAtEveryBindingAndTellsWhatWouldChange(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	h.bind("equal")
	h.mustPublish(h.bind("url", "heroku:format=url"))
	h.poll(t.Context())
	h.bind("empty")
	h.keeper.DryRun, h.keeper.Inspect = true, true
	inspect := func(want map[string]string) {
		t.Helper()
		for _, r := range h.results() {
			login := "no login"
			if r.Login != nil {
				login = fmt.Sprint(r.Login.Err)
			}
			if got := fmt.Sprint(r.Outcome, " ", r.Changes, " ", login); got != want[r.Name] {
				t.Errorf("%s: %s", r.Name, got)
			}
		}
	}
	inspect(map[string]string{"equal": "unchanged [] <nil>", "url": "unchanged [] <nil>", "empty": "published [everything] <nil>"})
	h.account.show(2)
	inspect(map[string]string{"equal": "published [password] <nil>", "url": "published [password] <nil>", "empty": "published [everything] <nil>"})
	h.database.answer(2, keeper.ErrRefused)
	no := keeper.ErrRefused.Error()
	inspect(map[string]string{"equal": "held [password] " + no, "url": "held [password] " + no, "empty": "held [everything] " + no})
	h.account.show(1)
	h.database.answer(1, keeper.ErrRefused)
	inspect(map[string]string{"equal": "held [] " + no, "url": "held [] " + no, "empty": "held [everything] " + no})
}

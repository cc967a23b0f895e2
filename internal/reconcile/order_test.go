package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"keepcurrent.example/internal/reconcile"
)

// The number of apps that a round can check changes from round to round. No app waits
// longer than the poorest round implies.
func TestEveryAppIsCheckedWithinABoundedNumberOfRounds(t *testing.T) {
	t.Parallel()
	for _, apps := range []int{1, 2, 3, 64, 100, 257} {
		for _, least := range []int{1, 2, 7, 100} {
			t.Run(fmt.Sprintf("%d apps, %d a round", apps, least), func(t *testing.T) {
				t.Parallel()
				checkEachApp(t, apps, least)
			})
		}
	}
}

// checkEachApp runs rounds that reach least apps or a few more. Among bound rounds in a
// row, one must reach a given app.
func checkEachApp(t *testing.T, apps, least int) {
	t.Helper()
	bound := uint64(1)
	for bound*uint64(least) < uint64(apps) {
		bound *= 2
	}
	random := rand.New(rand.NewPCG(uint64(apps), uint64(least)))
	first := random.Uint64() >> 1
	sources := make(map[reconcile.Source][]reconcile.Binding)
	last := make(map[reconcile.Source]uint64) // the last round that reached the app
	for i := range apps {
		source := reconcile.Source{App: fmt.Sprint("app-", i)}
		sources[source], last[source] = nil, first-1
	}
	for round := first; round < first+2*bound; round++ {
		order := reconcile.InOrder(sources, round)
		if len(order) != apps {
			t.Fatalf("%d apps in the order", len(order))
		}
		for _, source := range order[:min(apps, least+random.IntN(3))] {
			last[source] = round
		}
		for source, reached := range last {
			if round-reached >= bound {
				t.Fatalf("%d rounds in a row have not reached %s", round-reached, source.App)
			}
		}
	}
}

// If a round has time for only some accounts, the next rounds begin with others.
func TestNoAccountIsAlwaysLast(t *testing.T) {
	t.Parallel()
	const accounts, reach = 400, 100
	sources := make(map[reconcile.Source][]reconcile.Binding)
	for i := range accounts {
		sources[reconcile.Source{TokenSecretID: fmt.Sprintf("account-%03d", i), App: "shop"}] = nil
	}
	seen := make(map[reconcile.Source]bool)
	for round := range uint64(4) {
		for _, source := range reconcile.InOrder(sources, round)[:reach] {
			seen[source] = true
		}
	}
	if len(seen) != accounts {
		t.Errorf("%d of %d accounts are seen in 4 rounds of %d", len(seen), accounts, reach)
	}
}

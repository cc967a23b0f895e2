package reconcile_test

import (
	"flag"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// 3,000 apps would need 3,000 requests a minute; the account gets 75, and has 1,000.
func TestASmallBudgetIsSharedFairlyAndLeavesTheReserve(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ apps, others int }{
		"the account's only user":                    {1800, 0},
		"others make 35 of its 75 requests a minute": {900, 35},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { shareBudget(t, tt.apps, tt.others) })
		})
	}
}

// shareBudget polls every minute, and fails the test unless each app is checked within as
// many rounds as the account's requests imply.
func shareBudget(t *testing.T, apps, others int) {
	t.Helper()
	// A round has the requests that come back in a minute, less those of other users, and
	// less those that the round before took from the reserve: some apps were under way when
	// it reached the reserve.
	bound := roundsToReach(apps, perMinute-others-parallelApps)
	// Those apps, and the one that each round checks in any case.
	const overdraft = parallelApps + 1
	e := newEstate(apps, 1, 1000)
	l := e.accounts["account-0"]
	l.others = others
	begin := e.roundNumber()
	for range 2 * bound {
		before := l.calls
		e.round(t)
		if looked := l.calls - before; e.deferred != apps-looked {
			t.Fatalf("of %d apps %d were reported as deferred, and %d requests made", apps, e.deferred, looked)
		}
		if app, waited := l.longest(begin); waited >= bound {
			t.Fatalf("%s was not checked in %d rounds in a row; of %d apps each should be in any %d", app, waited, apps, bound)
		}
	}
	t.Logf("each app was checked within %d rounds; never less than %.0f requests left", bound, l.least)
	if l.refused != 0 || l.least < reserve-overdraft {
		t.Errorf("%d answers 429, and %.0f requests were left, of a reserve of %d", l.refused, l.least, reserve)
	}
}

// longest returns the app that has waited for the most rounds since its last check, or
// since the first round.
func (l *ledger) longest(first uint64) (app string, waited int) {
	for i := range l.apps {
		name := fmt.Sprint("app-", i)
		if rounds := int(l.round - max(l.seen[name], first-1)); rounds > waited {
			app, waited = name, rounds
		}
	}
	return app, waited
}

var scale = flag.Bool("scale", false, "print what one poller carries")

// TestScale prints the simulation's table of docs/scale.md: an estate without changes,
// whose accounts have spent their saved requests, until every app was checked.
func TestScale(t *testing.T) {
	if !*scale {
		t.Skip("run it with -scale")
	}
	t.Log("  apps  accounts  every  pages  calls a poll  seconds a poll  every app seen within  at most (rounds)")
	for _, every := range []time.Duration{time.Minute, 5 * time.Minute} {
		for _, size := range []struct{ apps, accounts int }{{100, 1}, {1000, 1}, {1000, 10}, {10_000, 1}, {10_000, 10}, {10_000, 40}, {40_000, 1}, {40_000, 40}} {
			synctest.Test(t, func(t *testing.T) { printScale(t, size.apps, size.accounts, every) })
		}
	}
}

// printScale prints one line of the table. Only the largest estate would take 1,024
// rounds to see every app, and minutes: it ends early.
func printScale(t *testing.T, apps, accounts int, every time.Duration) {
	t.Helper()
	const least, most = 30, 256 // rounds
	e := newEstate(apps, accounts, reserve+perMinute*int(every.Minutes()))
	e.every = every
	var took time.Duration
	rounds, all := 0, 0
	for ; rounds < least || all == 0 && rounds < most; rounds++ {
		took += e.round(t)
		if all == 0 && e.allSeen() {
			all = rounds + 1
		}
	}
	waited, bound := max(all, e.gap()), e.bound()
	if waited > bound {
		t.Errorf("%d apps of %d accounts: one has waited for %d rounds, want at most %d", apps, accounts, waited, bound)
	}
	within := fmt.Sprint(waited)
	if all == 0 {
		within = fmt.Sprint("more than ", rounds)
	}
	t.Logf("%6d  %8d  %4.0fm  %5d  %12.0f  %14.1f  %21s  %7d", apps, accounts, every.Minutes(), (apps+99)/100,
		float64(e.calls())/float64(rounds), took.Seconds()/float64(rounds), within, bound)
}

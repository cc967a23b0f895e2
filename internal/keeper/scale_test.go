package keeper_test

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
	tests := map[string]struct {
		apps   int
		others float64
		bound  uint64 // the least power of two that is no less than apps / (75 - others - 8)
	}{
		"the account's only user":                    {3000, 0, 64},
		"others make 35 of its 75 requests a minute": {900, 35, 32},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { shareBudget(t, tt.apps, tt.others, tt.bound) })
		})
	}
}

func shareBudget(t *testing.T, apps int, others float64, bound uint64) {
	t.Helper()
	// The 8 apps that are under way when the reserve is reached, and the one of each
	// round that is looked at whatever is left.
	const overdraft = 8 + 1
	e := newEstate(apps, 1, 1000)
	l := e.accounts["account-0"]
	l.others = others
	var rounds uint64
	for ; len(l.seen) < apps && rounds <= bound; rounds++ {
		before := l.calls
		e.round(t)
		if looked := l.calls - before; e.deferred != apps-looked {
			t.Fatalf("%d reported as deferred and %d looked at", e.deferred, looked)
		}
	}
	for range bound {
		e.round(t)
	}
	t.Logf("every app seen within %d rounds, and then every %d; never less than %.0f requests left; %d answered 429", rounds, l.gap, l.least, l.refused)
	if rounds > bound || l.gap > bound {
		t.Errorf("more than %d rounds", bound)
	}
	if l.refused != 0 || l.least < reserve-overdraft {
		t.Errorf("%d answers 429, and %.0f requests were left", l.refused, l.least)
	}
}

var scale = flag.Bool("scale", false, "print what one poller carries")

// TestScale prints the simulation's table of docs/scale.md: an estate at rest, whose
// accounts have spent what they had saved up, until every app has been seen.
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
	e := newEstate(apps, accounts, reserve+75*int(every.Minutes()))
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

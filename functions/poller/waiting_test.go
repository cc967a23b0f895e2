package main

import (
	"fmt"
	"testing"
	"time"

	"keepcurrent.example/internal/reconcile"
)

// results are those of a round over n apps of one account, which deferred the first ones.
func resultsOf(apps, deferred int) (results []reconcile.Result) {
	for n := range apps {
		r := reconcile.Result{Outcome: reconcile.Unchanged}
		r.App = fmt.Sprint("app-", n)
		if n < deferred {
			r.Outcome = reconcile.Deferred
		}
		results = append(results, r)
	}
	return results
}

func TestAnAppIsOverdueAfterTwiceItsTurnAndTheGrace(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		apps   int
		period time.Duration
		within time.Duration
	}{
		"few apps, polled every minute":    {2, time.Minute, 32 * time.Minute},
		"1,000 apps, polled every minute":  {1000, time.Minute, 30*time.Minute + 4*1000*time.Minute/67},
		"few apps, polled every two hours": {2, 2 * time.Hour, 270 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var w waiting
			start := time.Date(2026, time.November, 26, 0, 0, 0, 0, time.UTC)
			var raised time.Duration
			for at := time.Duration(0); at < 12*time.Hour && raised == 0; at += tt.period {
				if w.overdue(resultsOf(tt.apps, 1), start.Add(at), tt.period) > 0 {
					raised = at
				}
			}
			if raised <= tt.within || raised > tt.within+tt.period {
				t.Errorf("overdue after %s, want the first poll after %s", raised, tt.within)
			}
		})
	}
}

func TestAnAppThatIsCheckedBeginsToWaitAnew(t *testing.T) {
	t.Parallel()
	var w waiting
	at := time.Date(2026, time.November, 26, 0, 0, 0, 0, time.UTC)
	for minute := range 120 {
		deferred := 2
		if minute%31 == 30 {
			deferred = 0
		}
		if n := w.overdue(resultsOf(3, deferred), at.Add(time.Duration(minute)*time.Minute), time.Minute); n != 0 {
			t.Fatalf("%d bindings are overdue in minute %d", n, minute)
		}
	}
	for minute := 120; minute < 160; minute++ {
		w.overdue(resultsOf(3, 2), at.Add(time.Duration(minute)*time.Minute), time.Minute)
	}
	if n := w.overdue(resultsOf(3, 2), at.Add(160*time.Minute), time.Minute); n != 2 {
		t.Errorf("%d bindings are overdue, want 2", n)
	}
}

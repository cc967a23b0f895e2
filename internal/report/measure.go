package report

import (
	"errors"
	"time"

	"keepcurrent.example/internal/reconcile"
)

// outcomes are the metrics that count the outcomes of bindings. Bindings that are off
// have none.
var outcomes = map[reconcile.Outcome]string{
	reconcile.Published: "Published",
	reconcile.Unchanged: "Unchanged",
	reconcile.Held:      "Held",
	reconcile.Failed:    "Failed",
	reconcile.Deferred:  "Deferred",
}

// Measure measures the results of one run. Counts that are zero are there, too: an
// alarm can only see what is reported.
func Measure(results []reconcile.Result) Metrics {
	set := make(Metrics)
	counts := map[string]int{
		"Published": 0, "Unchanged": 0, "Held": 0, "Failed": 0, "Deferred": 0, "Pending": 0,
		"Conflicts": 0, "LookedAgain": 0, "TokenRefused": 0,
	}
	for _, r := range results {
		switch name, counted := outcomes[r.Outcome]; {
		case r.Outcome == reconcile.Published && r.Moved.IsZero(): // a pause
			counts["Pending"]++
		case counted:
			counts[name]++
		}
		counts["Conflicts"] += r.Conflicts
		if r.Looks > 0 {
			counts["LookedAgain"]++
		}
		if r.TooOften {
			counts["WrittenTooOften"]++
		}
		if errors.Is(r.Err, reconcile.ErrToken) {
			counts["TokenRefused"]++
		}
		if lag, known := r.Lag(); known {
			set.Add("Lag", lag.Seconds())
		}
		if r.Login != nil {
			set.Add("LoginTime", float64(r.Login.Took)/float64(time.Millisecond))
		}
	}
	for name, n := range counts {
		set.Add(name, float64(n))
	}
	return set
}

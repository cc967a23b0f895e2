package main

import (
	"time"

	"keepcurrent.example/internal/reconcile"
)

// An app of an account of N apps is checked within 2N/67 minutes, or in the next round if that is
// later; see inOrder in internal/reconcile. Polls of more than that, and a moment in which others use
// the account's requests, are no reason for an alarm.
const (
	intervalPerApp = time.Minute * 2 / 67
	grace          = 30 * time.Minute
)

// waiting is since when each source is deferred that the last round deferred. It is lost with the
// container, so an app may wait for as long again before it counts as overdue.
type waiting map[reconcile.Source]time.Time

// overdue notes which sources a round deferred, and counts the bindings that were deferred in
// all rounds for longer than twice their interval and the grace.
func (w *waiting) overdue(results []reconcile.Result, at time.Time, period time.Duration) (bindings int) {
	deferred := make(map[reconcile.Source]int) // also of sources of which none was
	for i := range results {
		n := 0
		if results[i].Outcome == reconcile.Deferred {
			n = 1
		}
		deferred[results[i].Source] += n
	}
	apps := make(map[string]int) // by token
	for source := range deferred {
		apps[source.TokenSecretID]++
	}
	since := make(waiting)
	for source, n := range deferred {
		if n == 0 {
			continue
		}
		since[source] = at
		if before, known := (*w)[source]; known {
			since[source] = before
		}
		interval := max(period, time.Duration(apps[source.TokenSecretID])*intervalPerApp)
		if at.Sub(since[source]) > 2*interval+grace {
			bindings += n
		}
	}
	*w = since
	return bindings
}

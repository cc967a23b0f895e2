package main

import (
	"time"

	"keepcurrent.example/internal/reconcile"
)

// lasting is how long a binding must have failed before it counts as in trouble in polls that
// do not check it. Heroku can be unwell for a few minutes.
const lasting = 10 * time.Minute

// key names a binding.
type key struct{ arn, configVar string }

func keyOf(r reconcile.Result) key { return key{r.ARN, r.ConfigVar} }

// spell is when a binding failed or was held in all of its last checks.
type spell struct{ first, last time.Time }

// history is what a container remembers of the bindings from the rounds before.
type history struct {
	troubles map[key]spell
	// foreign are the versions of other writers, such as a person, that said what Heroku said.
	foreign map[key]string
}

// note notes the results of a round. It returns how many bindings are in trouble, and how many
// changes the webhook should have brought.
func (h *history) note(results []reconcile.Result, at time.Time) (inTrouble, missed int) {
	missed = h.missed(results)
	troubles, foreign := make(map[key]spell), make(map[key]string)
	for _, r := range results {
		k := keyOf(r)
		s, was := h.troubles[k]
		switch {
		case isInTrouble(r):
			if !was {
				s.first = at
			}
			troubles[k] = spell{s.first, at}
			inTrouble++
		case r.Outcome == reconcile.Deferred && was:
			troubles[k] = s
			if s.last.Sub(s.first) >= lasting { // or it would end with each poll that defers the app
				inTrouble++
			}
		case r.Outcome == reconcile.Unchanged && !r.IsCurrentOurs():
			foreign[k] = r.Current
		}
		if version := h.foreign[k]; r.Outcome == reconcile.Deferred && version != "" {
			foreign[k] = version
		}
	}
	h.troubles, h.foreign = troubles, foreign
	return inTrouble, missed
}

// missed counts what a round published because Heroku had changed it. What was in trouble
// before was not missed: no webhook could have brought it. Nor was what the round put in place of
// another writer's value: of an edit Heroku sends no word.
func (h *history) missed(results []reconcile.Result) (n int) {
	edited := make(map[string]bool) // by ARN: of several keys, the second has our version of the first before it
	for _, r := range results {
		if r.Missed() && !r.IsCurrentOurs() && h.foreign[keyOf(r)] != r.Current {
			edited[r.ARN] = true
		}
	}
	return count(results, func(r reconcile.Result) bool {
		_, was := h.troubles[keyOf(r)]
		return r.Missed() && !was && !edited[r.ARN]
	})
}

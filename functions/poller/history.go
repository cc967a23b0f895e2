package main

import (
	"time"

	"keepcurrent.example/internal/reconcile"
)

// lasting is how long a binding must have failed before it counts as in trouble in polls that
// do not check it. Heroku can be unwell for a few minutes.
const lasting = 10 * time.Minute

// fighting is how long a binding counts as in trouble after a write that was one too many within
// an hour. Five writes within an hour are a quarter of an hour apart at most.
const fighting = 20 * time.Minute

// key names a binding.
type key struct{ arn, configVar string }

func keyOf(r reconcile.Result) key { return key{r.ARN, r.ConfigVar} }

// spell is when a binding failed or was held in all of its last checks.
type spell struct{ first, last time.Time }

// history is what a container remembers of the bindings from the rounds before.
type history struct {
	troubles map[key]spell
	fights   map[key]time.Time // the last write that was one too many
	// foreign are the versions of other writers, such as a person, that said what Heroku said.
	foreign map[key]string
}

// note notes the results of a round. It returns how many bindings are in trouble, and how many
// changes the webhook should have brought.
func (h *history) note(results []reconcile.Result, at time.Time) (inTrouble, missed int) {
	missed = h.missed(results)
	next := history{make(map[key]spell), make(map[key]time.Time), make(map[key]string)}
	for _, r := range results {
		k := keyOf(r)
		isTroubled, isFought := next.noteTrouble(k, h.troubles[k], r, at), next.noteFight(k, h.fights[k], r, at)
		if isTroubled || isFought {
			inTrouble++
		}
		switch {
		case r.Outcome == reconcile.Unchanged && !r.IsCurrentOurs():
			next.foreign[k] = r.Current
		case r.Outcome == reconcile.Deferred && h.foreign[k] != "":
			next.foreign[k] = h.foreign[k]
		}
	}
	*h = next
	return inTrouble, missed
}

// noteTrouble notes whether a binding failed or was held in its last check, and reports whether it
// counts as in trouble.
func (h *history) noteTrouble(k key, before spell, r reconcile.Result, at time.Time) bool {
	switch {
	case isInTrouble(r):
		if before.first.IsZero() {
			before.first = at
		}
		h.troubles[k] = spell{before.first, at}
		return true
	case r.Outcome == reconcile.Deferred && !before.first.IsZero():
		h.troubles[k] = before
		return before.last.Sub(before.first) >= lasting // or it would end with each poll that defers the app
	}
	return false
}

// noteFight notes whether another writer and this container take turns, and reports whether the
// binding counts as in trouble for that.
func (h *history) noteFight(k key, last time.Time, r reconcile.Result, at time.Time) bool {
	if r.TooOften {
		last = at
	}
	if last.IsZero() || at.Sub(last) > fighting {
		return false
	}
	h.fights[k] = last
	return true
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

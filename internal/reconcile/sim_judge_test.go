package reconcile_test

import (
	"slices"
	"time"

	"keepcurrent.example/internal/reconcile"
)

// judgeEnd judges the bindings of a run that ended well, each by what Heroku showed at or
// after the run's last look. A list that lags is no fence: what a poll took for equal
// because of it is not judged.
func (h *history) judgeEnd(a *actor, results []reconcile.Result) {
	for _, r := range results {
		s := h.secret(r.ARN)
		_, fenced := a.fenced[r.ARN]
		switch {
		case !fenced:
		case r.Outcome == reconcile.Published:
			if url := shownAs(s.versions[r.Version]); !h.showed(url, a.swapped[r.ARN]) {
				h.breaks("%s: %s ended well with %s, which Heroku had taken back before it was published", r.ARN, a.name, host(url))
			}
		case r.Outcome == reconcile.Unchanged:
			url := shownAs(s.versions[r.Current])
			if !slices.ContainsFunc(h.judged(a), func(look time.Time) bool { return h.showed(url, look) && h.held(s, url, look) }) {
				h.breaks("%s: %s ended well with %s, which AWSCURRENT did not hold at its last look or after it", r.ARN, a.name, host(url))
			}
		}
	}
}

// judged are the looks of a run that may have been the last one of a binding: one app's
// bindings share their looks, and one of them may end before another.
func (h *history) judged(a *actor) []time.Time {
	if len(h.secrets) == 1 {
		return a.looks[len(a.looks)-1:]
	}
	return a.looks
}

// held reports whether AWSCURRENT held the URL at some time from then until now.
func (h *history) held(s *simSecret, url string, then time.Time) bool {
	for i := len(s.past) - 1; i >= 0; i-- {
		if shownAs(s.versions[s.past[i].current]) == url {
			return true
		}
		if !s.past[i].since.After(then) {
			return false
		}
	}
	return false
}

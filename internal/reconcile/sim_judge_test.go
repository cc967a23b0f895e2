package reconcile_test

import (
	"slices"
	"time"

	"keepcurrent.example/internal/reconcile"
)

// judgeEnd judges the bindings of a run that ended well, each by what Heroku showed at or
// after the run's last read of Heroku. It does not judge a binding whose fence the run did
// not read: a poll took it for equal because of the list, which may lag.
func (h *history) judgeEnd(a *actor, results []reconcile.Result) {
	for _, r := range results {
		s := h.secret(r.ARN)
		c := s.cell(r.ConfigVar)
		switch {
		case r.Tags == nil: // a poll drops those of the list, and a fence has them again
		case r.Outcome == reconcile.Published:
			if url := s.held(r.Version, c); !h.showed(c.follows, url, a.swapped[r.Version]) {
				h.breaks("%s: %s ended well with %s, which Heroku had taken back before it was published", r.ARN, a.name, host(url))
			}
		case r.Outcome == reconcile.Unchanged:
			url := s.held(r.Current, c)
			if !slices.ContainsFunc(h.judged(a), func(read time.Time) bool { return h.showed(c.follows, url, read) && s.heldSince(read, c, url) }) {
				h.breaks("%s: %s ended well with %s, which AWSCURRENT was not at its last read or after it", r.ARN, a.name, host(url))
			}
		}
	}
}

// judged returns the reads of Heroku that may have been a binding's last one. The bindings
// of an app share their reads, and one of them may end before another.
func (h *history) judged(a *actor) []time.Time {
	if h.bindings() == 1 {
		return a.reads[len(a.reads)-1:]
	}
	return a.reads
}

// heldSince reports whether AWSCURRENT was the URL at some time from then until now.
func (s *simSecret) heldSince(then time.Time, c *cell, url string) bool {
	for i := len(s.past) - 1; i >= 0; i-- {
		if s.held(s.past[i].current, c) == url {
			return true
		}
		if !s.past[i].since.After(then) {
			return false
		}
	}
	return false
}

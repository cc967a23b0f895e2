package main

import (
	"fmt"
	"strings"
)

// verdict is the last line.
func (a answer) verdict() string {
	counts := a.counts()
	n := len(a.Plan)
	switch {
	case n == 0:
		return "No secret is bound: give one the tag heroku:app."
	case counts[ok] == n && a.LeftOut["plan"] == 0:
		return a.allEqual()
	}
	var parts []string
	for m, count := range counts {
		if count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count, mark(m)))
		}
	}
	secrets := fmt.Sprintf("%d %s", n, plural(n, "secret", "secrets"))
	if a.LeftOut["plan"] > 0 {
		secrets = fmt.Sprintf("%d of %d secrets", n, a.Bindings)
	}
	return fmt.Sprintf("%s: %s. ", secrets, strings.Join(parts, ", ")) + a.advice()
}

// leftOut returns a sentence about the lines that the answer has no space for, "" if it
// is complete. The poller first names the bindings that need a person. So those left out
// need none, unless all named ones do.
func (a answer) leftOut() string {
	var parts []string
	if n := a.LeftOut["plan"]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d %s", n, plural(n, "secret", "secrets")))
	}
	if n := a.LeftOut["subscriptions"]; n > 0 {
		parts = append(parts, fmt.Sprintf("the %s of %d %s", plural(n, "webhook", "webhooks"), n, plural(n, "app", "apps")))
	}
	if len(parts) == 0 {
		return ""
	}
	return "The table lacks " + strings.Join(parts, " and ") + ", for which the poller's answer has no space. It names first what needs you."
}

// allEqual returns the sentence for a stack where all secrets are equal. It mentions
// logins only if some were tried.
func (a answer) allEqual() string {
	n, untried := len(a.Plan), 0
	for _, l := range a.Plan {
		if l.LogsIn == nil {
			untried++
		}
	}
	equal := plural(n, "The one secret is equal", fmt.Sprintf("All %d secrets are equal", n))
	if untried == n {
		return equal + "; no login was tried."
	}
	equal += plural(n, " and logs in", " and log in")
	if untried > 0 {
		equal += fmt.Sprintf(", but for %d that %s not tried", untried, plural(untried, "is", "are"))
	}
	return equal + "."
}

func (a answer) advice() string {
	counts, needy := a.counts(), a.needy()
	switch {
	case len(needy) > 0:
		atLeast := ""
		if len(needy) == len(a.Plan) && a.LeftOut["plan"] > 0 {
			atLeast = "At least "
		}
		return atLeast + fmt.Sprintf("%d %s you: %s.", len(needy), plural(len(needy), "needs", "need"), some(needy))
	case counts[deferred] > 0:
		return "What is deferred was not looked at: ask again later."
	case counts[change] > 0:
		return "Nothing needs you: the next poll publishes what differs, unless the stack is paused."
	}
	return "Nothing needs you."
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// some joins the first few names.
func some(names []text) string {
	const few = 3
	if more := len(names) - few; more > 0 {
		return fmt.Sprintf("%s and %d more", join(names[:few]), more)
	}
	return join(names)
}

func join(all []text) string {
	var b strings.Builder
	for i, t := range all {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(t))
	}
	return b.String()
}

package main

import (
	"fmt"
	"strings"

	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/report"
)

// verdict is the last paragraph.
func (a answer) verdict() string {
	if len(a.Plan) == 0 {
		return "No secret is bound: give one the tag heroku:app."
	}
	var parts []string
	for m, n := range a.counts() {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, mark(m)))
		}
	}
	advice := a.advice()
	if webhooks := a.needyWebhooks(); webhooks != "" {
		advice = strings.Replace(advice, "Nothing needs you", "No secret needs you", 1) + webhooks
	}
	return a.total() + ": " + strings.Join(parts, ", ") + ". " + advice
}

// total says how many lines there are, and of how many secrets if some have several.
func (a answer) total() string {
	total := count(a.Bindings, a.noun())
	switch {
	case a.LeftOut["plan"] > 0:
		return fmt.Sprintf("%d of %s", len(a.Plan), total)
	case len(a.lines) < len(a.Plan):
		return total + " of " + count(len(a.lines), "secret")
	}
	return total
}

// noun is what a line is about: a secret, unless some have several lines.
func (a answer) noun() string {
	if len(a.lines) < len(a.Plan) {
		return "binding"
	}
	return "secret"
}

// advice says what the operator has to do.
func (a answer) advice() string {
	counts, needy := a.counts(), a.needy()
	untried := 0
	for _, l := range a.Plan {
		if l.LogsIn == nil {
			untried++
		}
	}
	switch n := len(needy); {
	case n > 0 && n == len(a.Plan) && a.LeftOut["plan"] > 0:
		return fmt.Sprintf("At least %d need you: %s.", n, some(needy))
	case n == 1:
		return "1 needs you: " + some(needy) + "."
	case n > 0:
		return fmt.Sprintf("%d need you: %s.", n, some(needy))
	case counts[deferred] > 0:
		return "What is deferred was not checked: ask again later."
	case counts[change] > 0:
		return "Nothing needs you: the next poll publishes what differs, unless the stack is paused."
	case counts[ok] < a.Bindings:
		return "Nothing needs you."
	case untried > 0:
		return fmt.Sprintf("All are equal; for %d no login was tried.", untried)
	}
	return "All are equal and log in."
}

// leftOut names what the answer has no space for; it returns "" if it is complete. The
// poller first names the bindings that need a person. So those left out need none, unless
// all named ones do.
func (a answer) leftOut() string {
	var parts []string
	for _, list := range []struct{ name, noun string }{{"plan", a.noun()}, {"subscriptions", "webhook"}} {
		if n := a.LeftOut[list.name]; n > 0 {
			parts = append(parts, count(n, list.noun))
		}
	}
	if parts == nil {
		return ""
	}
	return "The poller's answer has no space for " + strings.Join(parts, " and ") + ". It names first what needs you."
}

// needyWebhooks says how many webhooks need a person; it returns "" if none does.
func (a answer) needyWebhooks() string {
	switch n := len(a.wrongWebhooks()); n {
	case 0:
		return ""
	case 1:
		return " 1 webhook needs you."
	default:
		return fmt.Sprintf(" %d webhooks need you.", n)
	}
}

// credentials counts the URLs whose old password a planned rotation kills at once; it
// returns "" if there is none.
func (a answer) credentials() string {
	n := 0
	for _, l := range a.Plan {
		if l.Credential == report.Text(reconcile.CredentialDefault) {
			n++
		}
	}
	const what = "a rotation of it kills the old password at once. docs/consumers.md has the way to rotate without a lost query."
	switch n {
	case 0:
		return ""
	case 1:
		return "1 has its database's default credential: " + what
	}
	return fmt.Sprintf("%d have their database's default credential: %s", n, what)
}

// count returns the number with the noun.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprint(n, " ", noun)
}

// few is how many names a sentence has.
const few = 3

// some joins the first few names.
func some(names []report.Text) string {
	if more := len(names) - few; more > 0 {
		return fmt.Sprintf("%s and %d more", join(names[:few]), more)
	}
	return join(names)
}

func join(all []report.Text) string {
	texts := make([]string, len(all))
	for i, t := range all {
		texts[i] = string(t)
	}
	return strings.Join(texts, ", ")
}

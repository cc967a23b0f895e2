package e2e_test

import (
	"slices"
	"strings"
)

// A cell is one fault at one call of one run.
type cell struct {
	trigger, situation string
	call
	*fault
	lasts bool // else the fault meets one call only
}

// outcome is what a run comes to.
type outcome struct {
	answer string // see bench.run
	state  string // see bench.state
}

func (o outcome) String() string { return o.answer + ", " + o.state }

// quiet is what a run says that nothing befalls.
func quiet(trigger, situation string) string {
	switch {
	case trigger == webhook && situation == held:
		return "503"
	case trigger == webhook:
		return "204"
	case situation == held:
		return "held"
	case situation == foreign:
		return "unchanged"
	}
	return "published"
}

// unfilled is what the secret holds as long as nothing is published.
func unfilled(situation string) string {
	switch situation {
	case first:
		return empty
	case foreign:
		return newer
	}
	return older
}

// expected is the outcome that a cell must have. The rules:
//
//  1. Trouble with one call that its client tries again does not show, unless
//     the time runs out: the webhook has 3 s here, and a try that hangs takes 5.
//     Both clients try again what may fare better; a refusal is final, unless it
//     met what a cold webhook reads ahead: that is read again when it is needed.
//  2. Without the newest release only the lag stays unknown.
//  3. A login shows something of the database; the verdicts have a table.
//  4. The look after the swap stops a run as well, but AWSCURRENT has moved by then, and
//     a rate limit is no reason to call that deferred.
//  5. A read of the value that is there only saves a version: without it the candidate is
//     put. If the candidate does not log in, it decides, and its failure stops the run.
//  6. All else stops the run: 503 or a failed invocation; 500 if there is no key to
//     check a signature with; Heroku's rate limit defers.
//  7. Only a call that was carried out can have changed the secret.
func (c cell) expected() outcome {
	stopped := outcome{c.stopped(), c.left()}
	if c.isAfterSwap() {
		stopped = outcome{c.unconfirmed(), newer}
	}
	outOfTime := c.slow && c.trigger == webhook
	switch {
	case c.kind == readLast:
		return outcome{quiet(c.trigger, c.situation), newer}
	case c.kind == readHeld && (c.situation != held || !c.lasts):
		return c.unread()
	case outOfTime:
		return stopped
	case c.kind == login:
		return c.verdict()
	case c.lasts || c.refuses && !c.readAhead():
		return stopped
	}
	return c.healed()
}

// unread is what a run comes to that could not read the value that is there, or only by
// trying again.
func (c cell) unread() outcome {
	switch {
	case c.situation == held:
		return outcome{quiet(c.trigger, held), older}
	case c.isPutTwice() && c.trigger == poller:
		return outcome{"published", newer}
	}
	return outcome{quiet(c.trigger, c.situation), newer}
}

// isPutTwice reports whether a value is put that another writer has put already: the read
// that would show it fails, and is not tried for long.
func (c cell) isPutTwice() bool {
	return c.kind == readHeld && c.situation == foreign && (c.lasts || c.refuses || c.slow)
}

// isAfterSwap reports whether the call is the look once more.
func (c cell) isAfterSwap() bool {
	return c.call == (call{readVars, 2}) && c.trigger == webhook || c.call == (call{readVars, 3})
}

// unconfirmed is what a run says whose look after the swap failed.
func (c cell) unconfirmed() string {
	if c.trigger == webhook {
		return "503"
	}
	return "failed"
}

// readAhead reports whether the call is made before anybody needs its answer.
func (c cell) readAhead() bool {
	return c.trigger == webhook && slices.Contains([]string{readKey, readToken, list}, c.kind)
}

// loginWithHeld reports whether the call is a login with the value that the secret
// holds. Every second one is: it follows a login with the candidate.
func (c call) loginWithHeld() bool { return c.kind == login && c.nth%2 == 0 }

func (c cell) ofHeroku() bool { return strings.HasPrefix(c.kind, "GET ") }

// healed is what a run comes to whose call was tried again.
func (c cell) healed() outcome {
	switch {
	case c.situation == held:
		return outcome{quiet(c.trigger, held), older}
	case c.kind == swap && c.done && c.trigger == poller:
		// The second try finds AWSCURRENT moved, by the first one.
		return outcome{"unchanged", newer}
	}
	return outcome{quiet(c.trigger, c.situation), newer}
}

func (c cell) stopped() string {
	switch {
	case c.trigger == webhook && c.kind == readKey:
		return "500"
	case c.trigger == webhook:
		return "503"
	case c.name == "429":
		return "deferred"
	}
	return "failed"
}

// left is what the secret holds after a run that stopped.
func (c cell) left() string {
	if c.done && (c.kind == swap || c.kind == put && c.situation == first) {
		return newer
	}
	return unfilled(c.situation)
}

// verdict is what the logins decide, as docs/how-it-works.md has it.
func (c cell) verdict() outcome {
	if c.situation == foreign {
		return c.equal()
	}
	candidate, current := c.logins()
	holds := c.situation == first ||
		candidate == noTLS ||
		current != refused // all candidates here are at the address of the value in the secret
	switch {
	case holds:
		return outcome{quiet(c.trigger, held), unfilled(c.situation)}
	case c.trigger == webhook:
		return outcome{"204", newer}
	}
	return outcome{"published", newer}
}

// equal is what a login decides if the secret is equal: a webhook that sees its credential
// refused looks again, for Heroku may be about to show another.
func (c cell) equal() outcome {
	if c.trigger == webhook && c.login == refused && c.lasts {
		return outcome{"503", newer}
	}
	return outcome{quiet(c.trigger, c.situation), newer}
}

// logins are the results of the candidate's login and, if it came to that, of the
// one with the value in the secret.
func (c cell) logins() (candidate, current loginResult) {
	candidate, current = c.login, refused // the rotation has killed it
	if c.situation == held {
		current = logsIn
	}
	switch {
	case c.loginWithHeld():
		candidate, current = refused, c.login
	case c.lasts:
		current = c.login
	}
	return candidate, current
}

// possible reports whether there is such trouble with such a call.
func (c cell) possible() bool {
	switch {
	case c.away:
		return c.call == call{login, 1} && c.lasts
	case c.outage:
		return c.loginWithHeld() && c.lasts
	case c.kind == login:
		return c.trouble.login != nil
	case c.ofHeroku():
		return c.heroku != nil
	}
	return c.aws != nil
}

// meets reports whether the fault befalls a call of the run.
func (c cell) meets(other call) bool {
	later := c.lasts && other.nth > c.nth
	if c.loginWithHeld() && !c.outage {
		later = later && other.loginWithHeld()
	}
	return other.kind == c.kind && (other.nth == c.nth || later)
}

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

// outcome is the result of a run.
type outcome struct {
	answer string // see bench.run
	state  string // see bench.state
}

func (o outcome) String() string { return o.answer + ", " + o.state }

// quiet is the answer of a run without faults.
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

// unfilled is the state of the secret as long as nothing is published.
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
//  1. A fault of one call that the client repeats does not show. All clients repeat calls
//     that may succeed later, and a login that hangs. A refusal is final, except for a
//     prefetch of a cold webhook: that value is read again when it is needed.
//  2. Without the newest release only the lag stays unknown.
//  3. The result of a login depends on the database; verdict has the rules. A webhook whose
//     logins all hang has no time for that: it has less than the 5 s of a login here.
//  4. A fault of the check after the swap stops a run too. But AWSCURRENT has moved by
//     then, so the run is failed, and not deferred, even for a rate limit.
//  5. A read of the value that is there only saves a version: without it the candidate is
//     put. If the candidate does not log in, a read that fails stops the run. Where the
//     value has keys of others, nothing is put without that read, and rule 1 holds.
//  6. Every other fault stops the run: 503 or a failed invocation; 500 if there is no key
//     to check a signature with; Heroku's rate limit defers.
//  7. Only a call that was carried out can have changed the secret.
func (c cell) expected() outcome {
	stopped := outcome{c.stopped(), c.left()}
	if c.isAfterSwap() {
		stopped = outcome{c.unconfirmed(), newer}
	}
	switch {
	case c.kind == readLast:
		return outcome{quiet(c.trigger, c.situation), newer}
	case c.kind == readHeld && c.situation != inObject && (c.situation != held || !c.lasts):
		return c.unread()
	case c.slow && !c.lasts:
		return c.healed()
	case c.slow && c.trigger == webhook:
		return stopped
	case c.kind == login:
		return c.verdict()
	case c.lasts || c.refuses && !c.isPrefetch():
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
	return c.kind == readHeld && c.situation == foreign && (c.lasts || c.refuses)
}

// isAfterSwap reports whether the call belongs to the check after the swap.
func (c cell) isAfterSwap() bool {
	return c.call == (call{readVars, 2}) && c.trigger == webhook || c.call == (call{readVars, 3})
}

// unconfirmed is the answer of a run whose check after the swap failed.
func (c cell) unconfirmed() string {
	if c.trigger == webhook {
		return "503"
	}
	return "failed"
}

// isPrefetch reports whether the call is a prefetch, made before its answer is needed.
func (c cell) isPrefetch() bool {
	return c.trigger == webhook && slices.Contains([]string{readKey, readToken, list}, c.kind)
}

// loginWithHeld reports whether the call is a login with the secret's present value.
// Every second login is: it follows a login with the candidate.
func (c call) loginWithHeld() bool { return c.kind == login && c.nth%2 == 0 }

func (c cell) ofHeroku() bool { return strings.HasPrefix(c.kind, "GET ") }

// healed is the outcome of a run whose call was repeated.
func (c cell) healed() outcome {
	switch {
	case c.situation == held:
		return outcome{quiet(c.trigger, held), older}
	case c.kind == swap && c.done && c.trigger == poller:
		// The second try finds that the first one has moved AWSCURRENT.
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

// left is the state of the secret after a run that stopped.
func (c cell) left() string {
	if c.done && (c.kind == swap || c.kind == put && c.situation == first) {
		return newer
	}
	return unfilled(c.situation)
}

// verdict is the outcome that the logins decide, as in docs/how-it-works.md.
func (c cell) verdict() outcome {
	if c.situation == foreign {
		return c.equal()
	}
	candidate, current := c.logins()
	isHeld := c.situation == first ||
		candidate == noTLS ||
		current != refused // all candidates here are at the address of the value in the secret
	switch {
	case isHeld:
		return outcome{quiet(c.trigger, held), unfilled(c.situation)}
	case c.trigger == webhook:
		return outcome{"204", newer}
	}
	return outcome{"published", newer}
}

// equal is the outcome that a login decides if the secret is equal. If the credential is
// refused, a webhook asks Heroku again, because Heroku may be about to show another.
func (c cell) equal() outcome {
	if c.trigger == webhook && c.login == refused && c.lasts {
		return outcome{"503", newer}
	}
	return outcome{quiet(c.trigger, c.situation), newer}
}

// logins returns the results of the login with the candidate and, if there is one, of the
// login with the secret's value.
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

// possible reports whether the call can have the fault.
func (c cell) possible() bool {
	switch {
	case c.situation == inObject && (!c.isOfFormat() || c.name == "slow trickle"): // as in the other formats, and as the time-out
		return false
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

// meets reports whether the fault affects a call of the run. A login that hangs is
// followed by its second try, and not by the next login.
func (c cell) meets(other call) bool {
	later := c.lasts && other.nth > c.nth
	if c.loginWithHeld() && !c.outage && !c.slow {
		later = later && other.loginWithHeld()
	}
	return other.kind == c.kind && (other.nth == c.nth || later)
}

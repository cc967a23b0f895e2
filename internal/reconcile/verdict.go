package reconcile

import (
	"errors"
	"fmt"
)

// decide says whether the candidate may replace what the secret holds: Published, Held or
// Failed, and why, if the candidate does not log in. held is how the login with the
// secret's value went; elsewhere says that the two URLs lead to different addresses.
//
//	candidate     held by the secret       verdict
//	logs in       not tried                publish
//	not tried     not tried                fail: it says nothing of either
//	no TLS        not tried                hold: no consumer could use it
//	no login      logs in                  hold
//	no login      refused                  publish: it cannot get worse
//	no login      an answer that is        hold: its credential may be right
//	              neither
//	unreachable   unreachable, at another  publish: a failover looks like this
//	              address
//	no login      unreachable              hold: a candidate that was answered is wrong, and an
//	                                       outage says nothing of a credential
func decide(candidate, held error, elsewhere bool) (verdict Outcome, reason error) {
	isDead := errors.Is(held, ErrRefused)
	failover := elsewhere && errors.Is(candidate, ErrUnreachable) && errors.Is(held, ErrUnreachable)
	switch {
	case candidate == nil:
		return Published, nil
	case errors.Is(candidate, ErrUntried):
		return Failed, candidate
	case errors.Is(candidate, ErrNoTLS):
		return Held, fmt.Errorf("the candidate does not log in: %w", candidate)
	case errors.Is(held, ErrUntried):
		return Failed, held
	case held == nil:
		return Held, fmt.Errorf("the candidate does not log in and the secret's value does: %w", candidate)
	case isDead, failover:
		return Published, fmt.Errorf("neither the candidate nor the secret's value logs in: %w", candidate)
	}
	return Held, fmt.Errorf("the candidate does not log in and whether the secret's value does is unknown (%w): %w", held, candidate)
}

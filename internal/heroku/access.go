package heroku

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	platform "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/credential"
)

const (
	// checkKept is for how long the answer about a token is remembered: a round asks
	// once, however many of its apps are refused, and the next round asks again.
	checkKept = 45 * time.Second
	// checkTime is how long one check may take, with its tries.
	checkTime = timeout
)

// tokenState is what is known of a token with which Heroku has refused a request.
type tokenState int

const (
	unchecked    tokenState = iota
	tokenWorks              // so the app is not the token user's, or the token's scope is too small
	tokenRefused            // whatever it asks for
	tokenUnknown            // Heroku did not say
)

// tokenCheck remembers the last answer about a token. Its lock makes one check serve
// all that wait for it.
type tokenCheck struct {
	mu    credential.Mutex // guards what follows
	token credential.Value
	at    time.Time // zero before the first check
	state tokenState
	why   error // why the state is unknown
}

// judge adds to a refusal what is known of the token: Heroku answers 401 and 403 for a
// token that it does not take, and 403 for an app of another account, whose name is as
// easily met as mistyped, since names are global. GET /account/rate-limits needs a token
// and no app, and costs none of the account's requests.
func (a *API) judge(ctx context.Context, token credential.Value, refusal error) error {
	var status *StatusError
	if !errors.As(refusal, &status) {
		return refusal
	}
	judged := *status
	judged.token, judged.why = a.check(ctx, token)
	return &judged
}

// check says whether Heroku takes the token, and why that is not known. An unknown state
// is no refusal: an alarm that asks for a new token, while Heroku is down or the network
// is, would have a person replace a good one. The binding fails all the same, and the
// next round asks again.
func (a *API) check(ctx context.Context, token credential.Value) (tokenState, error) {
	c := &a.checked
	if err := c.mu.Lock(ctx); err != nil {
		return tokenUnknown, errors.New("the run was out of time")
	}
	defer c.mu.Unlock()
	if !c.at.IsZero() && c.token.Equal(token) && time.Since(c.at) < checkKept {
		return c.state, c.why
	}
	checking, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	state, why := stateOf(a.try(checking, token, timeouts, func(ctx context.Context, api *platform.Service) error {
		_, err := api.RateLimitInfo(ctx)
		return err
	}))
	if ctx.Err() == nil { // one run's end says nothing to the others
		c.token, c.at, c.state, c.why = token, time.Now().Round(0), state, why // by the wall clock, which a freeze does not stop
	}
	return state, why
}

// stateOf reads the end of a check. Its error wraps nothing: that of a 429 is not about
// the app, which must not be deferred for it.
func stateOf(err error) (tokenState, error) {
	var status *StatusError
	switch {
	case err == nil:
		return tokenWorks, nil
	case errors.As(err, &status) && status.refuses():
		return tokenRefused, nil
	case status != nil: // its advice is about an app
		return tokenUnknown, fmt.Errorf("GET /account/rate-limits: Heroku answered %d", status.Code)
	}
	return tokenUnknown, fmt.Errorf("GET /account/rate-limits: %s", err.Error())
}

// isRefusal reports whether Heroku may have refused the token.
func isRefusal(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.refuses()
}

// refuses reports whether the answer may be about the token. That an account or an app is
// suspended has nothing to do with it.
func (e *StatusError) refuses() bool {
	return e.ID != "suspended" && (e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden)
}

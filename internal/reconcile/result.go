package reconcile

import (
	"errors"
	"fmt"
)

// errMoved says that a run that did not end well has published all the same.
var errMoved = errors.New("AWSCURRENT has moved in this run, and then")

// ended returns the result with its outcome, and with what is to be told of it.
func (r Result) ended(outcome Outcome, err error) Result {
	if !r.Moved.IsZero() && outcome != Published && err != nil && !errors.Is(err, errMoved) {
		err = fmt.Errorf("%w: %w", errMoved, err)
	}
	switch {
	case r.TooOften && err == nil:
		err = ErrTooOften
	case r.TooOften:
		err = fmt.Errorf("%w; %w", err, ErrTooOften)
	}
	r.Outcome, r.Err = outcome, nil
	if err != nil {
		r.Err = r.explain(err)
	}
	return r
}

// failed ends a binding for now. After a conflict another attempt may do better, and
// where Heroku shows nothing better yet.
func (r Result) failed(err error) (Result, retry) {
	r = r.ended(Failed, err)
	switch {
	case errors.Is(err, ErrConflict):
		r.Conflicts++
		return r, afterConflict
	case errors.Is(err, errNotYet):
		return r, afterWait
	}
	return r, done
}

// held leaves the secret as it is.
func (r Result) held(err error) (Result, retry) {
	r = r.ended(Held, err)
	if errors.Is(err, errNotYet) {
		return r, afterWait
	}
	return r, done
}

// explain says on what an error happened.
func (r Result) explain(err error) error {
	return fmt.Errorf("app %s, config var %s, secret %s: %w", r.App, r.ConfigVar, r.Name, err)
}

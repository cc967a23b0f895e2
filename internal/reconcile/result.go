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

// stop ends a binding that is not right yet, and says whether another attempt may do better:
// after a conflict, and where Heroku shows nothing better yet.
func (r Result) stop(outcome Outcome, err error) (Result, retry) {
	switch {
	case errors.Is(err, ErrConflict):
		return r.ended(outcome, err), afterConflict
	case errors.Is(err, errNotYet):
		return r.ended(outcome, err), afterWait
	}
	return r.ended(outcome, err), done
}

// explain says on what an error happened.
func (r Result) explain(err error) error {
	return fmt.Errorf("app %s, config var %s, secret %s: %w", r.App, r.ConfigVar, r.Name, err)
}

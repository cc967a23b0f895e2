package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// betweenLooks is the time between the two looks that must agree before a run
// believes that Heroku took back what was published: a single answer can be an old one.
const betweenLooks = time.Second

// errReturned says that a publication was overtaken by Heroku.
var errReturned = errors.New("Heroku took this value back while it was published, and shows another one")

// lookOnceMore asks Heroku once more after AWSCURRENT was moved: while that went on,
// Heroku may have taken the value back, and another run may have found the secret equal
// to what it shows now, and left it to this one. Two looks must agree that it did.
func (u *update) lookOnceMore(ctx context.Context, pending []*task) {
	var moved []*task
	for _, t := range pending {
		if t.Outcome == Published && !t.Moved.IsZero() {
			moved = append(moved, t)
		}
	}
	returned, err := u.returned(ctx, moved)
	if err == nil && len(returned) > 0 {
		if moved = returned; sleep(ctx, betweenLooks) {
			returned, err = u.returned(ctx, moved)
		} else {
			err = ctx.Err()
		}
	}
	if err != nil {
		err = fmt.Errorf("whether Heroku still shows what was published is unknown: %w", err)
		returned = moved
	}
	for _, t := range returned {
		if err != nil {
			t.Result, t.retry = t.stop(Failed, err)
			continue
		}
		t.returns++
		t.Result, t.retry = t.ended(Failed, errReturned), afterReturn
	}
}

// returned asks Heroku, and returns the tasks whose published value it does not show.
func (u *update) returned(ctx context.Context, tasks []*task) (returned []*task, err error) {
	if len(tasks) == 0 {
		return nil, nil
	}
	vars, err := u.Heroku(u.from.TokenSecretID).ConfigVars(ctx, u.from.App)
	if err != nil {
		return nil, err
	}
	for _, t := range tasks {
		if _, payload, err := desiredPayload(t.Binding, vars); err != nil || !payload.Equal(t.payload) {
			returned = append(returned, t)
		}
	}
	return returned, nil
}

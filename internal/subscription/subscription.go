// Package subscription keeps the webhook subscriptions of Heroku apps: each bound
// app has exactly one of ours, that brings every release to our address, signed
// with our key, and tried again until we have answered
// (https://devcenter.heroku.com/articles/app-webhooks).
//
// What is ours is told by its address alone. Subscriptions to other addresses are
// never touched. No state is kept: what to do follows from what Heroku lists.
package subscription

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keepcurrent.example/internal/credential"
)

// What a subscription of ours asks for. Of a config var Heroku tells only by the
// release that its change makes; sync means that a delivery is tried again until
// it is answered with 2xx.
const (
	include = "api:release"
	level   = "sync"
)

// limit is how many subscriptions an app can have
// (https://devcenter.heroku.com/articles/limits).
const limit = 10

// ErrLimit says that an app has no room for a subscription of ours.
var ErrLimit = errors.New("the app has 10 webhooks, which is Heroku's limit: remove one with `heroku webhooks:remove`")

// Subscription is one webhook of an app.
type Subscription struct {
	ID               string
	URL              string
	Level            string
	Include          []string
	Created, Updated time.Time // in whole seconds
}

// Heroku is what is needed of Heroku's Platform API.
type Heroku interface {
	Subscriptions(ctx context.Context, app string) ([]Subscription, error)
	// Subscribe makes the subscription, or changes the one with its ID, and
	// gives it the key that signs its deliveries.
	Subscribe(ctx context.Context, app string, s Subscription, key credential.Value) error
	Unsubscribe(ctx context.Context, app, id string) error
}

// Desk mends the subscriptions to one address of ours.
type Desk struct {
	Heroku Heroku
	URL    string // our address
	// Key returns the signing key and when it was made.
	Key func(context.Context) (key credential.Value, made time.Time, err error)
}

// Mend leaves the app with exactly one right subscription of ours. It returns what
// it did, "" if nothing was to be done. missed says that a delivery has not come
// that should have: then the subscription gets our key whatever it looks like,
// because somebody may have given it another one.
func (d *Desk) Mend(ctx context.Context, app string, missed bool) (did string, err error) {
	all, err := d.Heroku.Subscriptions(ctx, app)
	if err != nil {
		return "", err
	}
	key, made, err := d.Key(ctx)
	if err != nil {
		return "", err
	}
	ours := d.ours(all, made)
	if len(ours) == 0 {
		if len(all) >= limit {
			return "", fmt.Errorf("subscribing to the releases of app %s: %w", app, ErrLimit)
		}
		return done("subscribed", d.Heroku.Subscribe(ctx, app, d.right(""), key))
	}
	if did, err = d.remove(ctx, app, ours[1:], "removed a double"); err != nil {
		return did, err
	}
	if !missed && d.isRight(ours[0], made) {
		return did, nil
	}
	return done("mended", d.Heroku.Subscribe(ctx, app, d.right(ours[0].ID), key))
}

// State says how the app's subscription of ours is: right, missing, wrong or doubled.
// It changes nothing.
func (d *Desk) State(ctx context.Context, app string) (string, error) {
	all, err := d.Heroku.Subscriptions(ctx, app)
	if err != nil {
		return "", err
	}
	_, made, err := d.Key(ctx)
	if err != nil {
		return "", err
	}
	switch ours := d.ours(all, made); {
	case len(ours) == 0:
		return "missing", nil
	case len(ours) > 1:
		return "doubled", nil
	case !d.isRight(ours[0], made):
		return "wrong", nil
	}
	return "right", nil
}

// Remove removes the app's subscriptions of ours. It returns what it did, "" if
// there was none.
func (d *Desk) Remove(ctx context.Context, app string) (did string, err error) {
	all, err := d.Heroku.Subscriptions(ctx, app)
	if err != nil {
		return "", err
	}
	return d.remove(ctx, app, d.ours(all, time.Time{}), "unsubscribed")
}

func (d *Desk) remove(ctx context.Context, app string, doomed []Subscription, how string) (did string, err error) {
	for _, s := range doomed {
		if err := d.Heroku.Unsubscribe(ctx, app, s.ID); err != nil {
			return did, err
		}
		did = how
	}
	return did, nil
}

// done returns what was done, or "" if it failed.
func done(did string, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return did, nil
}

// ours returns the subscriptions to our address: the one to keep comes first, the
// same one whoever looks. It is the oldest that is right, or else the oldest.
func (d *Desk) ours(all []Subscription, keyMade time.Time) []Subscription {
	ours := slices.DeleteFunc(slices.Clone(all), func(s Subscription) bool { return s.URL != d.URL })
	slices.SortFunc(ours, func(a, b Subscription) int {
		if right := d.isRight(a, keyMade); right != d.isRight(b, keyMade) {
			if right {
				return -1
			}
			return 1
		}
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return ours
}

func (d *Desk) right(id string) Subscription {
	return Subscription{ID: id, URL: d.URL, Level: level, Include: []string{include}}
}

// isRight reports whether a subscription of ours is as it should be. Heroku does
// not show the key, so one that was last changed before our key was made, or in the
// same second, has another.
func (d *Desk) isRight(s Subscription, keyMade time.Time) bool {
	return s.Level == level && slices.Equal(s.Include, []string{include}) && s.Updated.After(keyMade)
}

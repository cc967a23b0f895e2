package heroku

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	platform "github.com/heroku/heroku-go/v5"

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

var (
	// ErrWebhookLimit says that an app can have no further webhook.
	ErrWebhookLimit = errors.New("the app has 10 webhooks, which is Heroku's limit: remove one with `heroku webhooks:remove`")
	// ErrMayNotWrite says that Heroku takes the token, but not for a change of a webhook.
	ErrMayNotWrite = errors.New("the API token may not write webhooks")
	// ErrMayNotList says that Heroku takes the token, but not for the list of webhooks.
	ErrMayNotList = errors.New("the API token may not list webhooks: whether this one is right is unknown")
)

// NeedsPerson reports whether an error of [Webhooks.Ensure] says that a webhook is not right
// and that only a person can repair it.
func NeedsPerson(err error) bool {
	return errors.Is(err, ErrMayNotWrite) || errors.Is(err, ErrWebhookLimit)
}

// Webhook is one webhook of an app.
type Webhook struct {
	ID               string
	URL              string
	Level            string
	Include          []string
	Created, Updated time.Time // in whole seconds
}

// Webhooks keeps exactly one webhook for each bound app of an account. It brings every
// release to our address, signed with our key, and Heroku tries a delivery again until we
// have answered (https://devcenter.heroku.com/articles/app-webhooks).
//
// A webhook is ours if it has our address. Those at other addresses are never touched. No
// state is kept: what to do follows from what Heroku lists.
type Webhooks struct {
	API *API
	URL string // our address
	// Key returns the signing key and when it was made.
	Key func(context.Context) (key credential.Value, made time.Time, err error)
}

// Ensure leaves the app with exactly one right webhook of ours. It returns what
// it did, "" if nothing was to be done. missed says that a delivery which should have
// come has not: then the webhook gets our key even if it looks right, because a person
// may have given it another one.
func (w *Webhooks) Ensure(ctx context.Context, app string, missed bool) (did string, err error) {
	all, err := w.API.Subscriptions(ctx, app)
	if err != nil {
		return "", err
	}
	key, made, err := w.Key(ctx)
	if err != nil {
		return "", err
	}
	ours := w.ours(all, made)
	state := w.stateOf(ours, made)
	did, err = w.repair(ctx, app, ours, missed || state == "wrong", len(all) < limit, key)
	switch {
	case errors.Is(err, ErrMayNotWrite):
		return "", fmt.Errorf("the webhook of app %s is %s: %w; with your own Heroku login: make subscribe APP=%s STACK=…", app, state, err, app)
	case NeedsPerson(err):
		return "", fmt.Errorf("the webhook of app %s is %s: %w", app, state, err)
	}
	return did, err
}

// repair leaves the app with the first of its subscriptions of ours, or makes one if the
// app can have another.
func (w *Webhooks) repair(ctx context.Context, app string, ours []Webhook, change, another bool, key credential.Value) (did string, err error) {
	switch {
	case len(ours) == 0 && !another:
		return "", ErrWebhookLimit
	case len(ours) == 0:
		return done("subscribed", w.API.Subscribe(ctx, app, w.right(""), key))
	}
	if did, err = w.remove(ctx, app, ours[1:], "removed a double"); err != nil || !change {
		return did, err
	}
	return done("repaired", w.API.Subscribe(ctx, app, w.right(ours[0].ID), key))
}

// State returns the state of our webhook of the app: right, missing, wrong or doubled.
// It changes nothing.
func (w *Webhooks) State(ctx context.Context, app string) (string, error) {
	all, err := w.API.Subscriptions(ctx, app)
	if err != nil {
		return "", err
	}
	_, made, err := w.Key(ctx)
	if err != nil {
		return "", err
	}
	return w.stateOf(w.ours(all, made), made), nil
}

// stateOf names the state of the subscriptions of ours, the one to keep first.
func (w *Webhooks) stateOf(ours []Webhook, keyMade time.Time) string {
	switch {
	case len(ours) == 0:
		return "missing"
	case !w.isRight(ours[0], keyMade):
		return "wrong"
	case len(ours) > 1:
		return "doubled"
	}
	return "right"
}

// Remove removes our webhooks of the app. It returns what it did, "" if there was none.
func (w *Webhooks) Remove(ctx context.Context, app string) (did string, err error) {
	all, err := w.API.Subscriptions(ctx, app)
	if err != nil {
		return "", err
	}
	return w.remove(ctx, app, w.ours(all, time.Time{}), "unsubscribed")
}

func (w *Webhooks) remove(ctx context.Context, app string, doomed []Webhook, how string) (did string, err error) {
	for _, s := range doomed {
		if err := w.API.Unsubscribe(ctx, app, s.ID); err != nil {
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
// same one in every run. It is the oldest that is right, or else the oldest.
func (w *Webhooks) ours(all []Webhook, keyMade time.Time) []Webhook {
	ours := slices.DeleteFunc(slices.Clone(all), func(s Webhook) bool { return s.URL != w.URL })
	slices.SortFunc(ours, func(a, b Webhook) int {
		if right := w.isRight(a, keyMade); right != w.isRight(b, keyMade) {
			if right {
				return -1
			}
			return 1
		}
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return ours
}

func (w *Webhooks) right(id string) Webhook {
	return Webhook{ID: id, URL: w.URL, Level: level, Include: []string{include}}
}

// isRight reports whether a subscription of ours is as it should be. Heroku does
// not show the key, so one that was last changed before our key was made, or in the
// same second, has another.
func (w *Webhooks) isRight(s Webhook, keyMade time.Time) bool {
	return s.Level == level && slices.Equal(s.Include, []string{include}) && s.Updated.After(keyMade)
}

// Subscriptions lists the app's webhooks, at most the 10 that an app can have.
func (a *API) Subscriptions(ctx context.Context, app string) ([]Webhook, error) {
	var all []Webhook
	err := a.do(ctx, app, func(ctx context.Context, api *platform.Service) error {
		webhooks, err := api.AppWebhookList(ctx, app, nil)
		if err == nil && webhooks == nil {
			err = errUnreadable // an empty list is not nil
		}
		all = nil
		for _, w := range webhooks {
			all = append(all, Webhook{ID: w.ID, URL: w.URL, Level: w.Level, Include: w.Include, Created: w.CreatedAt, Updated: w.UpdatedAt})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the webhooks of app %s: %w", app, unlessMayNot(err, ErrMayNotList))
	}
	return all, nil
}

// Subscribe makes the webhook, or changes the one with its ID if it has one. heroku-go
// cannot show a key that Heroku makes, so the key is always ours.
func (a *API) Subscribe(ctx context.Context, app string, s Webhook, key credential.Value) error {
	secret := key.Reveal()
	err := a.doWithin(ctx, patient, app, func(ctx context.Context, api *platform.Service) error {
		if s.ID == "" {
			_, err := api.AppWebhookCreate(ctx, app, platform.AppWebhookCreateOpts{Include: s.Include, Level: s.Level, Secret: &secret, URL: s.URL})
			return unlessMade(err)
		}
		changed := platform.AppWebhookUpdateOpts{Level: &s.Level, Secret: &secret, URL: &s.URL}
		for i := range s.Include {
			changed.Include = append(changed.Include, &s.Include[i])
		}
		_, err := api.AppWebhookUpdate(ctx, app, s.ID, changed)
		return err
	})
	if err != nil {
		return fmt.Errorf("subscribing to the releases of app %s: %w", app, unlessMayNot(err, ErrMayNotWrite))
	}
	return nil
}

// unlessMayNot returns what the token may not do, if Heroku has refused just this request:
// its advice is about reading config vars. Any other error it returns as it is.
func unlessMayNot(err, mayNot error) error {
	var status *StatusError
	if errors.As(err, &status) && status.token == tokenWorks {
		return mayNot
	}
	return err
}

// unlessMade takes an answer that could not be read for a yes: Heroku has said 2xx,
// and to ask again would make a double. Whatever went wrong before that, net/http
// hands on as a *url.Error; see exchange.RoundTrip.
func unlessMade(err error) error {
	var before *url.Error
	if errors.As(err, &before) {
		return err
	}
	return nil
}

// Unsubscribe removes the webhook.
func (a *API) Unsubscribe(ctx context.Context, app, id string) error {
	err := a.do(ctx, app, func(ctx context.Context, api *platform.Service) error {
		_, err := api.AppWebhookDelete(ctx, app, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("removing webhook %s of app %s: %w", id, app, unlessMayNot(err, ErrMayNotWrite))
	}
	return nil
}

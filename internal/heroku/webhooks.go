package heroku

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	platform "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/credential"
)

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
		return nil, fmt.Errorf("listing the webhooks of app %s: %w", app, err)
	}
	return all, nil
}

// Subscribe makes the webhook, or changes the one with its ID. heroku-go can't
// show a key that Heroku makes, so the key is always ours.
func (a *API) Subscribe(ctx context.Context, app string, s Webhook, key credential.Value) error {
	secret := key.Reveal()
	err := a.do(ctx, app, func(ctx context.Context, api *platform.Service) error {
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
	if isRefusal(err) { // a token that works can be one that only reads
		return fmt.Errorf("subscribing to the releases of app %s: %w; for webhooks the token must also write: "+
			"heroku authorizations:create -d keepcurrent -s write-protected", app, err)
	}
	if err != nil {
		return fmt.Errorf("subscribing to the releases of app %s: %w", app, err)
	}
	return nil
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
		return fmt.Errorf("removing webhook %s of app %s: %w", id, app, err)
	}
	return nil
}

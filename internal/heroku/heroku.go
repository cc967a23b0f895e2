// Package heroku is the client of Heroku's Platform API
// (https://devcenter.heroku.com/articles/platform-api-reference).
//
// An [API] is one account. It makes the requests with heroku-go, and adds what that client
// lacks: time-outs, limits on the size of an answer, a few retries, statuses as errors, and a
// token that may change while the container is warm. [Accounts] has an API for each token, and
// a [Transport] opens the first connection early.
//
// [Webhooks] makes, repairs and removes the webhooks of an account's apps. A [Schedule]
// decides which apps' webhooks a poll checks, and returns a [Check] for each app where it
// changed something or failed.
package heroku

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	platform "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
)

// timeouts are how long a request may take, at first and after each try that has hung. The
// first one is short, so that a request that hangs costs little; a Heroku that is slow but
// alive is waited for by the later ones. A read may be sent twice, and so may the change or
// the removal of a webhook.
var timeouts = []time.Duration{1200 * time.Millisecond, 3 * time.Second, timeout}

// patient are the time-outs of a request that makes a webhook: sent twice, it makes two, of
// which the next check removes one. Nobody waits for it.
var patient = []time.Duration{timeout, timeout, timeout}

const (
	timeout = 6 * time.Second // of the last try
	// tries is how often a request is sent, in all, while Heroku answers 5xx, cuts its
	// answer or drops the connection.
	tries = 3
	// firstPause is how long to wait before the second try; the next one is four times
	// as long.
	firstPause = 80 * time.Millisecond
)

// API is the Platform API of one account. It implements [reconcile.Heroku].
type API struct {
	URL       string            // without a trailing slash
	Tokens    credential.Source // of the API token
	Transport http.RoundTripper
	// Reserve is how many of the account's hourly requests a poll leaves to its
	// other users. Nothing holds a request back; [API.Spare] only tells.
	Reserve int

	budget  budget
	checked tokenCheck
	silence silence
}

var _ reconcile.Heroku = (*API)(nil)

// Ready reads the token, so that a call need not wait for it.
func (a *API) Ready(ctx context.Context) error {
	_, err := a.Tokens.Values(ctx)
	return err
}

// ConfigVars returns the app's config vars; one without a value is absent. The
// API gives all of them or none.
func (a *API) ConfigVars(ctx context.Context, app string) (map[string]credential.Value, error) {
	var vars map[string]credential.Value
	err := a.do(ctx, app, func(ctx context.Context, api *platform.Service) error {
		answer, err := api.ConfigVarInfoForApp(ctx, app)
		if err == nil && answer == nil {
			err = errUnreadable // the body was null
		}
		vars = make(map[string]credential.Value, len(answer))
		for name, value := range answer {
			if value != nil {
				vars[name] = credential.New(*value)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the config vars of app %s: %w", app, err)
	}
	return vars, nil
}

// Released returns when the app's newest release was made.
func (a *API) Released(ctx context.Context, app string) (time.Time, error) {
	var released time.Time
	err := a.do(ctx, app, func(ctx context.Context, api *platform.Service) error {
		newest := &platform.ListRange{Field: "version", Max: 1, Descending: true}
		releases, err := api.ReleaseList(ctx, app, newest)
		if err == nil && len(releases) == 0 {
			err = errUnreadable
		}
		if err == nil {
			released = releases[0].CreatedAt
		}
		return err
	})
	if err != nil {
		return released, fmt.Errorf("reading the newest release of app %s: %w", app, err)
	}
	return released, nil
}

// do calls with the token that is kept, and once more with a newer one if Heroku
// refuses that. An expired token can show as 403, too
// (https://help.heroku.com/PBGP6IDE). A refusal that stays says whether it is of the
// token.
func (a *API) do(ctx context.Context, app string, call func(context.Context, *platform.Service) error) error {
	return a.doWithin(ctx, timeouts, app, call)
}

// doWithin is do with other time-outs.
func (a *API) doWithin(ctx context.Context, timeouts []time.Duration, app string, call func(context.Context, *platform.Service) error) error {
	if !reconcile.IsApp(app) { // heroku-go puts it into the path as it is
		return errors.New("this is neither an app's name nor its id")
	}
	tokens, err := a.Tokens.Values(ctx)
	if err != nil {
		return err
	}
	err = a.try(ctx, tokens[0], timeouts, call)
	if !isRefusal(err) {
		return err
	}
	renewed, renewErr := a.Tokens.Renew(ctx, tokens)
	if renewErr != nil {
		return errors.Join(a.judge(ctx, tokens[0], err), renewErr)
	}
	if !renewed[0].Equal(tokens[0]) {
		if err = a.try(ctx, renewed[0], timeouts, call); !isRefusal(err) {
			return err
		}
	}
	return a.judge(ctx, renewed[0], err)
}

// try calls until Heroku has answered, a bounded number of times.
func (a *API) try(ctx context.Context, token credential.Value, timeouts []time.Duration, call func(context.Context, *platform.Service) error) error {
	pause, hung := firstPause, 0
	for n := 1; ; n++ {
		err := a.once(ctx, token, timeouts[hung], call)
		if err == nil || ctx.Err() != nil || n == tries || !transient(err) {
			return err
		}
		wait := pause/2 + rand.N(pause)
		if errors.Is(err, context.DeadlineExceeded) { // there was a wait already
			wait, hung = 0, hung+1
		}
		if hung == len(timeouts) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
			pause *= 4
		}
	}
}

// once makes one request. heroku-go has no place for what an exchange shows
// beside its body, so each gets a client of its own; the connections are
// shared below it.
func (a *API) once(ctx context.Context, token credential.Value, timeout time.Duration, call func(context.Context, *platform.Service) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	e := &exchange{base: a.Transport, budget: &a.budget}
	api := platform.NewService(&http.Client{Transport: &platform.Transport{
		BearerToken: token.Reveal(),
		UserAgent:   "keepcurrent",
		Transport:   e,
	}})
	api.URL = a.URL
	err := call(ctx, api)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("Heroku did not answer in time: %w", ctx.Err())
	case e.answered:
		return errUnreadable // the decoder's own error can quote the answer
	}
	return plain(err)
}

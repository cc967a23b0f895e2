package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	platform "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/credential"
)

// herokuAPI is Heroku's Platform API with a person's token
// (https://devcenter.heroku.com/articles/platform-api-reference).
type herokuAPI struct {
	url     string
	token   credential.Value
	base    http.RoundTripper
	app     string                 // the drill's
	limited atomic.Pointer[string] // what the last 429 looked like
}

// do makes a request, and decodes the answer.
func (h *herokuAPI) do(ctx context.Context, method, path string, in, out any, span *platform.ListRange) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	api := platform.NewService(&http.Client{Transport: &platform.Transport{BearerToken: h.token.Reveal(), UserAgent: "keepcurrent-drill", Transport: h}})
	api.URL = h.url
	return api.Do(ctx, out, method, path, in, nil, span)
}

// onApp makes a request about the drill's app.
func (h *herokuAPI) onApp(ctx context.Context, method, path string, in, out any) error {
	return h.do(ctx, method, "/apps/"+h.app+path, in, out, nil)
}

// RoundTrip notes what a 429 looks like.
func (h *herokuAPI) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := h.base.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusTooManyRequests {
		return resp, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var says struct{ ID string }
	_ = json.Unmarshal(body, &says) // a gateway's answer is no JSON
	h.limited.Store(new(fmt.Sprintf("status %d, id %q, Retry-After %q, RateLimit-Remaining %q", resp.StatusCode, says.ID, resp.Header.Get("Retry-After"), resp.Header.Get("RateLimit-Remaining"))))
	return resp, err
}

// hasStatus reports whether Heroku answered with one of the statuses.
func hasStatus(err error, statuses ...int) bool {
	var e platform.Error
	return errors.As(err, &e) && slices.Contains(statuses, e.StatusCode)
}

// with returns the API with another token.
func (h *herokuAPI) with(token credential.Value) *herokuAPI {
	return &herokuAPI{url: h.url, token: token, base: h.base, app: h.app}
}

func (h *herokuAPI) setVar(ctx context.Context, name, value string) error {
	return h.onApp(ctx, "PATCH", "/config-vars", map[string]string{name: value}, nil)
}

func (h *herokuAPI) configVars(ctx context.Context) (vars map[string]string, err error) {
	return vars, h.onApp(ctx, "GET", "/config-vars", nil, &vars)
}

// revoke removes a token by its id.
func (h *herokuAPI) revoke(ctx context.Context, id string) error {
	return h.do(ctx, "DELETE", "/oauth/authorizations/"+id, nil, nil, nil)
}

// webhookAt returns the id of the app's webhook that leads to an address, or "".
func (h *herokuAPI) webhookAt(ctx context.Context, url string) (id string, err error) {
	var all platform.AppWebhookListResult
	err = h.onApp(ctx, "GET", "/webhooks", nil, &all)
	for _, w := range all {
		if w.URL == url {
			id = w.ID
		}
	}
	return id, err
}

func (h *herokuAPI) subscribe(ctx context.Context, url, key string) (id string, err error) {
	var made struct{ ID string }
	err = h.onApp(ctx, "POST", "/webhooks", platform.AppWebhookCreateOpts{Include: []string{"api:release"}, Level: "sync", URL: url, Secret: &key}, &made)
	return made.ID, err
}

func (h *herokuAPI) unsubscribe(ctx context.Context, id string) error {
	return h.onApp(ctx, "DELETE", "/webhooks/"+id, nil, nil)
}

// delivery is one event on its way to one webhook.
type delivery = platform.AppWebhookDelivery

// code returns the status of the last answer to a delivery, 0 if there was none.
func code(d delivery) int {
	if d.LastAttempt == nil || d.LastAttempt.Code == nil {
		return 0
	}
	return *d.LastAttempt.Code
}

// deliveries returns the newest deliveries to a webhook, the oldest of them first. The
// range is the one that Heroku's own command webhooks:deliveries asks for.
func (h *herokuAPI) deliveries(ctx context.Context, webhookID string) (all []delivery, err error) {
	err = h.do(ctx, "GET", "/apps/"+h.app+"/webhook-deliveries", nil, &all, &platform.ListRange{Field: "seq", Max: 100, Descending: true})
	slices.Reverse(all)
	return slices.DeleteFunc(all, func(d delivery) bool { return d.Webhook.ID != webhookID }), err
}

// released returns when the app's newest release was made, in whole seconds.
func (h *herokuAPI) released(ctx context.Context) (time.Time, error) {
	var all platform.ReleaseListResult
	err := h.do(ctx, "GET", "/apps/"+h.app+"/releases", nil, &all, &platform.ListRange{Field: "version", Max: 1, Descending: true})
	if err != nil || len(all) == 0 {
		return time.Time{}, errors.Join(err, errors.New("the newest release could not be read"))
	}
	return all[0].CreatedAt, nil
}

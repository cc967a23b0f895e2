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
	"strings"
	"time"

	"keepcurrent.example/internal/credential"
)

// herokuAPI is Heroku's Platform API with a person's token
// (https://devcenter.heroku.com/articles/platform-api-reference).
type herokuAPI struct {
	url    string
	token  credential.Value
	client *http.Client

	limited string // what a 429 looked like, "" if there was none
}

// herokuError is an answer of Heroku's that is not 2xx.
type herokuError struct {
	call    string
	status  int
	id, why string
}

func (e *herokuError) Error() string {
	return fmt.Sprintf("Heroku answers %s with %d %s: %s", e.call, e.status, e.id, e.why)
}

// hasStatus reports whether Heroku answered with one of the statuses.
func hasStatus(err error, statuses ...int) bool {
	var e *herokuError
	return errors.As(err, &e) && slices.Contains(statuses, e.status)
}

// do makes a request. A header is "Name: value".
func (h *herokuAPI) do(ctx context.Context, method, path string, in, out any, headers ...string) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	address := path
	if strings.HasPrefix(path, "/") {
		address = h.url + path
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/vnd.heroku+json; version=3")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "keepcurrent-drill")
	req.Header.Set("Authorization", "Bearer "+h.token.Reveal())
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode == http.StatusTooManyRequests {
		h.limited = fmt.Sprintf("Retry-After %q, RateLimit-Remaining %q", resp.Header.Get("Retry-After"), resp.Header.Get("RateLimit-Remaining"))
	}
	if resp.StatusCode/100 != 2 {
		var says struct{ ID, Message string }
		_ = json.Unmarshal(text, &says) // a gateway's answer is no JSON
		return &herokuError{method + " " + path, resp.StatusCode, says.ID, says.Message}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("Heroku's answer to %s %s could not be read", method, path) // the decoder's words may quote it
	}
	return nil
}

// with returns the API with another token.
func (h *herokuAPI) with(token credential.Value) *herokuAPI {
	return &herokuAPI{url: h.url, token: token, client: h.client}
}

// webhook is a subscription.
type webhook struct{ ID, URL, Level string }

func (h *herokuAPI) webhooks(ctx context.Context, app string) (all []webhook, err error) {
	return all, h.do(ctx, "GET", "/apps/"+app+"/webhooks", nil, &all)
}

func (h *herokuAPI) subscribe(ctx context.Context, app, url, key string) (made webhook, err error) {
	return made, h.do(ctx, "POST", "/apps/"+app+"/webhooks",
		map[string]any{"include": []string{"api:release"}, "level": "sync", "url": url, "secret": key}, &made)
}

func (h *herokuAPI) unsubscribe(ctx context.Context, app, id string) error {
	return h.do(ctx, "DELETE", "/apps/"+app+"/webhooks/"+id, nil, nil)
}

// delivery is one event on its way to one webhook.
type delivery struct {
	ID          string
	CreatedAt   time.Time `json:"created_at"`
	Status      string
	NumAttempts int `json:"num_attempts"`
	LastAttempt *struct {
		Code      *int
		CreatedAt time.Time `json:"created_at"`
		UpdatedAt time.Time `json:"updated_at"`
	} `json:"last_attempt"`
	Webhook struct{ ID string }
}

// code returns the status of the last answer, 0 if there was none.
func (d delivery) code() int {
	if d.LastAttempt == nil || d.LastAttempt.Code == nil {
		return 0
	}
	return *d.LastAttempt.Code
}

// deliveries returns the newest deliveries to a webhook, the newest first. The range is
// the one that Heroku's own command webhooks:deliveries asks for.
func (h *herokuAPI) deliveries(ctx context.Context, app, webhookID string) ([]delivery, error) {
	var all []delivery
	err := h.do(ctx, "GET", "/apps/"+app+"/webhook-deliveries", nil, &all, "Range: seq ..; order=desc,max=100")
	return slices.DeleteFunc(all, func(d delivery) bool { return d.Webhook.ID != webhookID }), err
}

// released returns when the app's newest release was made, in whole seconds.
func (h *herokuAPI) released(ctx context.Context, app string) (time.Time, error) {
	var all []struct {
		CreatedAt time.Time `json:"created_at"`
	}
	err := h.do(ctx, "GET", "/apps/"+app+"/releases", nil, &all, "Range: version ..; order=desc,max=1")
	if err != nil || len(all) == 0 {
		return time.Time{}, errors.Join(err, errors.New("the newest release could not be read"))
	}
	return all[0].CreatedAt, nil
}

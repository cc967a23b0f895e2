package herokutest

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// entities are what a subscription may include.
var entities = []string{
	"api:addon", "api:addon-attachment", "api:app", "api:build", "api:collaborator", "api:domain", "api:dyno", "api:formation",
	"api:release", "api:sni-endpoint",
}

// maxWebhooks is how many subscriptions an app may have.
const maxWebhooks = 10

// A webhook is one subscription and the queue of what it has yet to be told.
type webhook struct {
	id               string
	settings         webhookSettings
	created, updated time.Time

	ctx    context.Context // ends with the subscription
	cancel context.CancelFunc
	queue  []*delivery
	busy   bool // a goroutine works on the queue
}

// webhookSettings are what a user gives: the body of the request that makes or
// changes a webhook.
type webhookSettings struct {
	Include       []string `json:"include"`
	Level         string   `json:"level"`
	URL           string   `json:"url"`
	Secret        *string  `json:"secret"`
	Authorization *string  `json:"authorization"`
}

// over is the old settings with what w names in their place.
func (w webhookSettings) over(old webhookSettings) webhookSettings {
	if w.Include == nil {
		w.Include = old.Include
	}
	w.Level = cmp.Or(w.Level, old.Level)
	w.URL = cmp.Or(w.URL, old.URL)
	w.Secret = cmp.Or(w.Secret, old.Secret)
	w.Authorization = cmp.Or(w.Authorization, old.Authorization)
	return w
}

func (w webhookSettings) check() error {
	for _, name := range w.Include {
		if !slices.Contains(entities, name) {
			return &apiError{ID: "invalid_params", Message: "Include names no known entity."}
		}
	}
	u, err := url.Parse(w.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return &apiError{ID: "invalid_params", Message: "Url must be an HTTP address."}
	}
	return nil
}

// A webhookAnswer is a webhook in the form of the schema: secret and
// authorization are never shown.
type webhookAnswer struct {
	App       identity  `json:"app"`
	CreatedAt time.Time `json:"created_at"`
	ID        string    `json:"id"`
	Include   []string  `json:"include"`
	Level     string    `json:"level"`
	UpdatedAt time.Time `json:"updated_at"`
	URL       string    `json:"url"`
}

func (w *webhook) answer(app *App) webhookAnswer {
	return webhookAnswer{
		App:       app.identity(),
		CreatedAt: seconds(w.created),
		ID:        w.id,
		Include:   w.settings.Include,
		Level:     w.settings.Level,
		UpdatedAt: seconds(w.updated),
		URL:       w.settings.URL,
	}
}

func (s *Server) createWebhook(c *call) (any, error) {
	var settings webhookSettings
	if err := json.Unmarshal(c.body, &settings); err != nil {
		return nil, err
	}
	if err := settings.check(); err != nil {
		return nil, err
	}
	if len(c.app.webhooks) >= maxWebhooks {
		return nil, &apiError{ID: "invalid_params", Message: "The app has reached its limit of 10 webhooks."}
	}
	if settings.Secret == nil {
		secret := newSecret()
		settings.Secret = &secret
		c.header.Set("Heroku-Webhook-Secret", secret)
	}
	w := &webhook{id: newID(), settings: settings, created: time.Now(), updated: time.Now()}
	w.ctx, w.cancel = context.WithCancel(s.ctx)
	s.rememberWebhook(w)
	c.app.webhooks = append(c.app.webhooks, w)
	c.status = http.StatusCreated
	return w.answer(c.app), nil
}

func (s *Server) rememberWebhook(w *webhook) {
	s.remember(*w.settings.Secret)
	if w.settings.Authorization != nil {
		s.remember(*w.settings.Authorization)
	}
}

func (c *call) findWebhook() (*webhook, error) {
	id := c.request.PathValue("webhook")
	i := slices.IndexFunc(c.app.webhooks, func(w *webhook) bool { return w.id == id })
	if i < 0 {
		return nil, &apiError{ID: "not_found", Message: "Couldn't find that webhook.", Resource: "webhook"}
	}
	return c.app.webhooks[i], nil
}

func (s *Server) getWebhook(c *call) (any, error) {
	w, err := c.findWebhook()
	if err != nil {
		return nil, err
	}
	return w.answer(c.app), nil
}

// patchWebhook changes what the body names and leaves the rest. A delivery
// already queued goes out under the new settings.
func (s *Server) patchWebhook(c *call) (any, error) {
	w, err := c.findWebhook()
	if err != nil {
		return nil, err
	}
	var change webhookSettings
	if err := json.Unmarshal(c.body, &change); err != nil {
		return nil, err
	}
	settings := change.over(w.settings)
	if err := settings.check(); err != nil {
		return nil, err
	}
	w.settings, w.updated = settings, time.Now()
	s.rememberWebhook(w)
	return w.answer(c.app), nil
}

func (s *Server) deleteWebhook(c *call) (any, error) {
	w, err := c.findWebhook()
	if err != nil {
		return nil, err
	}
	w.cancel()
	w.queue = nil
	c.app.webhooks = slices.DeleteFunc(c.app.webhooks, func(other *webhook) bool { return other == w })
	return w.answer(c.app), nil
}

func (s *Server) listWebhooks(c *call) (any, error) {
	all := []webhookAnswer{}
	for _, w := range c.app.webhooks {
		all = append(all, w.answer(c.app))
	}
	return page(c, all, map[string]func(webhookAnswer) string{"id": func(w webhookAnswer) string { return w.ID }})
}

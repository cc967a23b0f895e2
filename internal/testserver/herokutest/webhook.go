package herokutest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// entities are what a subscription may include.
var entities = []string{
	"api:addon", "api:addon-attachment", "api:app", "api:build", "api:collaborator", "api:domain", "api:dyno", "api:formation",
	releaseEntity, "api:sni-endpoint",
}

// maxWebhooks is how many subscriptions an app may have.
const maxWebhooks = 10

// A webhook is one subscription and the queue of its deliveries.
type webhook struct {
	id               string
	settings         webhookSettings
	created, updated time.Time

	ctx    context.Context // ends with the subscription
	cancel context.CancelFunc
	queue  []*delivery
	busy   bool // a goroutine works on the queue
}

// webhookSettings are the body of the request that creates or changes a webhook.
type webhookSettings struct {
	Include []string `json:"include"`
	Level   string   `json:"level"`
	URL     string   `json:"url"`
	Secret  string   `json:"secret"`
}

// changed returns the settings with the values that a body names.
func (w webhookSettings) changed(body []byte) (webhookSettings, error) {
	w.Include = slices.Clone(w.Include) // Decode writes into it
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&w) != nil {
		return w, invalid("The server knows include, level, secret and url.")
	}
	for _, name := range w.Include {
		if !slices.Contains(entities, name) {
			return w, invalid("Include names no known entity.")
		}
	}
	return w, nil
}

// A webhookAnswer is a webhook in the form of the schema: the secret is never
// shown.
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
		App:       identity{app.ID, app.Name},
		CreatedAt: seconds(w.created),
		ID:        w.id,
		Include:   w.settings.Include,
		Level:     w.settings.Level,
		UpdatedAt: seconds(w.updated),
		URL:       w.settings.URL,
	}
}

func (s *Server) createWebhook(c *call) (any, error) {
	settings, err := webhookSettings{}.changed(c.body)
	if err != nil {
		return nil, err
	}
	if len(c.app.webhooks) >= maxWebhooks {
		return nil, invalid("The app has reached its limit of 10 webhooks.")
	}
	if settings.Secret == "" {
		settings.Secret = newSecret()
		c.header.Set("Heroku-Webhook-Secret", settings.Secret)
	}
	s.remember(settings.Secret)
	w := &webhook{id: newID(), settings: settings, created: time.Now(), updated: time.Now()}
	w.ctx, w.cancel = context.WithCancel(s.ctx)
	c.app.webhooks = append(c.app.webhooks, w)
	c.status = http.StatusCreated
	return w.answer(c.app), nil
}

// findWebhook finds the webhook that the path names.
func (c *call) findWebhook() (*webhook, error) {
	id := c.request.PathValue("webhook")
	i := slices.IndexFunc(c.app.webhooks, func(w *webhook) bool { return w.id == id })
	if i < 0 {
		return nil, notFound("webhook")
	}
	return c.app.webhooks[i], nil
}

// patchWebhook changes what the body names and leaves the rest. A delivery
// already queued goes out under the new settings.
func (s *Server) patchWebhook(c *call) (any, error) {
	w, err := c.findWebhook()
	if err != nil {
		return nil, err
	}
	settings, err := w.settings.changed(c.body)
	if err != nil {
		return nil, err
	}
	s.remember(settings.Secret)
	w.settings, w.updated = settings, time.Now()
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
	var all []webhookAnswer
	for _, w := range c.app.webhooks {
		all = append(all, w.answer(c.app))
	}
	return page(c, all, "id", map[string]func(a, b webhookAnswer) int{"id": func(a, b webhookAnswer) int { return cmp.Compare(a.ID, b.ID) }})
}

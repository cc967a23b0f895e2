package herokutest

import (
	"slices"
	"time"
)

// A deliveryAnswer is a delivery in the form of the schema.
type deliveryAnswer struct {
	CreatedAt     time.Time    `json:"created_at"`
	Event         eventRef     `json:"event"`
	ID            string       `json:"id"`
	LastAttempt   *attempt     `json:"last_attempt"`
	NextAttemptAt *time.Time   `json:"next_attempt_at"`
	NumAttempts   int          `json:"num_attempts"`
	Status        string       `json:"status"`
	UpdatedAt     time.Time    `json:"updated_at"`
	Webhook       webhookLevel `json:"webhook"`
}

type webhookLevel struct {
	ID    string `json:"id"`
	Level string `json:"level"`
}

func (d *delivery) answer() deliveryAnswer {
	return deliveryAnswer{
		CreatedAt:     seconds(d.created),
		Event:         d.event.Metadata.Event,
		ID:            d.id,
		LastAttempt:   d.last,
		NextAttemptAt: d.next,
		NumAttempts:   d.attempts,
		Status:        d.status,
		UpdatedAt:     seconds(d.updated),
		Webhook:       webhookLevel{d.webhook.id, d.webhook.settings.Level},
	}
}

func (s *Server) getDelivery(c *call) (any, error) {
	id := c.request.PathValue("delivery")
	i := slices.IndexFunc(c.app.deliveries, func(d *delivery) bool { return d.id == id })
	if i < 0 {
		return nil, &apiError{ID: "not_found", Message: "Couldn't find that delivery.", Resource: "delivery"}
	}
	return c.app.deliveries[i].answer(), nil
}

func (s *Server) listDeliveries(c *call) (any, error) {
	all := []deliveryAnswer{}
	for _, d := range c.app.deliveries {
		all = append(all, d.answer())
	}
	return page(c, all, map[string]func(deliveryAnswer) string{"id": func(d deliveryAnswer) string { return d.ID }})
}

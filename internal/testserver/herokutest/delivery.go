package herokutest

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// A Policy is how webhooks are delivered. The zero Policy delivers every event once and
// in order.
type Policy struct {
	// Drop loses every event: nothing is queued.
	Drop bool
	// Copies is how often each event is delivered; 0 is once.
	Copies int
	// Reverse reverses each queue when [Server.HoldDeliveries] releases it: the last
	// event comes first.
	Reverse bool
}

// SetPolicy changes how later events are delivered. It does not change events that are
// queued already.
func (s *Server) SetPolicy(p Policy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy = p
}

// HoldDeliveries queues events instead of delivering them, until release is
// called. An attempt under way is not stopped.
func (s *Server) HoldDeliveries() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held = false
		for _, w := range s.webhooks() {
			if s.policy.Reverse {
				slices.Reverse(w.queue)
			}
			s.work(w)
		}
	}
}

// DeliveriesIdle waits until nothing is queued: every delivery has succeeded,
// or was given up, or its webhook is gone. It returns the context's error if
// that does not happen in time, as it cannot while deliveries are held or a
// sync webhook never answers 2xx.
func (s *Server) DeliveriesIdle(ctx context.Context) error {
	for {
		s.mu.Lock()
		idle := !slices.ContainsFunc(s.webhooks(), func(w *webhook) bool { return w.busy || len(w.queue) > 0 })
		rested := s.rested
		s.mu.Unlock()
		if idle {
			return nil
		}
		select {
		case <-rested:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Server) webhooks() []*webhook {
	var all []*webhook
	for _, app := range s.apps {
		all = append(all, app.webhooks...)
	}
	return all
}

// A delivery is one event on its way to one webhook.
type delivery struct {
	event   event
	webhook *webhook
	record  record
}

// A record is a delivery in the form of the schema.
type record struct {
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

// An attempt is one request in the form of the schema. It has no ErrorClass, because
// Heroku's values for it are not known.
type attempt struct {
	Code       *int      `json:"code"` // nil: there was no answer
	CreatedAt  time.Time `json:"created_at"`
	ErrorClass *string   `json:"error_class"`
	ID         string    `json:"id"`
	Status     string    `json:"status"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// publish queues an event for each of the app's webhooks that includes it. The
// caller holds the server's lock.
func (a *App) publish(e event) {
	policy := a.server.policy
	if policy.Drop {
		return
	}
	for _, w := range a.webhooks {
		if !slices.Contains(w.settings.Include, releaseEntity) {
			continue
		}
		for range max(policy.Copies, 1) {
			d := newDelivery(e, w)
			a.deliveries = append(a.deliveries, d)
			w.queue = append(w.queue, d)
		}
		a.server.work(w)
	}
}

func newDelivery(e event, w *webhook) *delivery {
	now := seconds(time.Now())
	return &delivery{event: e, webhook: w, record: record{
		CreatedAt: now,
		Event:     e.Metadata.Event,
		ID:        newID(),
		Status:    "pending",
		UpdatedAt: now,
		Webhook:   webhookLevel{w.id, w.settings.Level},
	}}
}

// listDeliveries can also go by seq, the order in which deliveries were made: `heroku
// webhooks:deliveries` asks for it.
func (s *Server) listDeliveries(c *call) (any, error) {
	var all []record
	place := map[string]int{} // by id: a delivery's seq
	for i, d := range c.app.deliveries {
		all = append(all, d.record)
		place[d.record.ID] = i
	}
	return page(c, all, "id", map[string]func(a, b record) int{
		"id":  func(a, b record) int { return cmp.Compare(a.ID, b.ID) },
		"seq": func(a, b record) int { return cmp.Compare(place[a.ID], place[b.ID]) },
	})
}

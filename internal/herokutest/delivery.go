package herokutest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A Policy is how well webhooks are delivered. The zero Policy is Heroku on a
// good day: every event once, in order.
type Policy struct {
	// Drop loses every event: nothing is queued.
	Drop bool
	// Copies is how often each event is delivered; 0 is once.
	Copies int
	// Order rearranges each queue when [Server.HoldDeliveries] lets go of it:
	// [Reverse], [Shuffle], or nil to leave it.
	Order func(n int, swap func(i, j int))
	// Retry is the delay before the first retry of a sync webhook, doubled for
	// each further one up to a second; 0 is 50 ms.
	Retry time.Duration
}

// Reverse is an order for [Policy]: the last event comes first.
func Reverse(n int, swap func(i, j int)) {
	for i := range n / 2 {
		swap(i, n-1-i)
	}
}

// Shuffle is an order for [Policy]: any, but the same for the same seed and
// number of events.
func Shuffle(seed uint64) func(n int, swap func(i, j int)) {
	return func(n int, swap func(i, j int)) { rand.New(rand.NewPCG(seed, 0)).Shuffle(n, swap) }
}

// A deliveryHold is the state of all deliveries together.
type deliveryHold struct {
	policy  Policy
	holders int
	changed chan struct{} // closed and replaced when a queue has moved
}

// SetPolicy changes how events are delivered from now on. Events already queued
// stay as many as they are.
func (s *Server) SetPolicy(p Policy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliveries.policy = p
}

// HoldDeliveries queues events instead of delivering them, until release is
// called. An attempt under way is not stopped.
func (s *Server) HoldDeliveries() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliveries.holders++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.deliveries.holders--; s.deliveries.holders > 0 {
			return
		}
		for _, w := range s.webhooks() {
			if order := s.deliveries.policy.Order; order != nil {
				order(len(w.queue), func(i, j int) { w.queue[i], w.queue[j] = w.queue[j], w.queue[i] })
			}
			s.work(w)
		}
	})
}

// DeliveriesIdle waits until nothing is queued: every delivery has succeeded,
// or was given up, or its webhook is gone. It returns the context's error if
// that does not happen in time, as it cannot while deliveries are held or a
// sync webhook never answers 2xx.
func (s *Server) DeliveriesIdle(ctx context.Context) error {
	for {
		s.mu.Lock()
		idle := !slices.ContainsFunc(s.webhooks(), func(w *webhook) bool { return w.busy || len(w.queue) > 0 })
		changed := s.deliveries.changed
		s.mu.Unlock()
		if idle {
			return nil
		}
		select {
		case <-changed:
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
	id               string
	event            event
	webhook          *webhook
	status           string
	attempts         int
	next             *time.Time
	last             *attempt
	created, updated time.Time
}

// An attempt is one request, in the form of the schema.
type attempt struct {
	Code       *int      `json:"code"`
	CreatedAt  time.Time `json:"created_at"`
	ErrorClass *string   `json:"error_class"`
	ID         string    `json:"id"`
	Status     string    `json:"status"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// publish queues an event for every webhook of the app that includes it. The
// caller holds the server's lock.
func (a *App) publish(e event) {
	policy := a.server.deliveries.policy
	if policy.Drop {
		return
	}
	for _, w := range a.webhooks {
		if !slices.Contains(w.settings.Include, e.Metadata.Event.Include) {
			continue
		}
		for range max(policy.Copies, 1) {
			d := &delivery{id: newID(), event: e, webhook: w, status: "pending", created: time.Now(), updated: time.Now()}
			a.deliveries = append(a.deliveries, d)
			w.queue = append(w.queue, d)
		}
		a.server.work(w)
	}
}

// work makes sure that somebody works on the queue. One goroutine a queue: so a
// delivery that fails holds up those behind it, as Heroku says of its own. The
// caller holds s.mu.
func (s *Server) work(w *webhook) {
	if s.closed || w.busy || len(w.queue) == 0 {
		return
	}
	w.busy = true
	s.busy.Go(func() {
		for d := s.nextDelivery(w); d != nil; d = s.nextDelivery(w) {
			s.attempt(d)
		}
	})
}

// nextDelivery is the head of the queue, or nil if there is nothing to do, and
// then the goroutine ends.
func (s *Server) nextDelivery(w *webhook) *delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.ctx.Err() == nil && s.deliveries.holders == 0 && len(w.queue) > 0 {
		return w.queue[0]
	}
	w.busy = false
	close(s.deliveries.changed)
	s.deliveries.changed = make(chan struct{})
	return nil
}

// attempt makes one request, and waits if it is to be made again.
func (s *Server) attempt(d *delivery) {
	began := time.Now()
	id := newID()
	s.mu.Lock()
	settings := d.webhook.settings
	s.mu.Unlock()
	code, failure := s.post(d.webhook.ctx, settings, d.event.body(d.webhook.id, d.id, id))

	a := &attempt{ID: id, Code: code, ErrorClass: failure, Status: "failed", CreatedAt: seconds(began), UpdatedAt: seconds(time.Now())}
	if code != nil && *code/100 == 2 {
		a.Status = "succeeded"
	}
	if wait := s.record(d, a); wait > 0 {
		select {
		case <-time.After(wait):
		case <-d.webhook.ctx.Done():
		}
	}
}

// record notes an attempt and returns how long to wait until the next one; 0 if
// there will be none.
func (s *Server) record(d *delivery, a *attempt) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.last, d.updated = a, time.Now()
	d.attempts++
	if a.Status == "failed" && d.webhook.settings.Level == "sync" {
		wait := s.backoff(d.attempts)
		next := seconds(time.Now().Add(wait))
		d.status, d.next = "retrying", &next
		return wait
	}
	d.status, d.next = a.Status, nil
	d.webhook.queue = slices.DeleteFunc(d.webhook.queue, func(other *delivery) bool { return other == d })
	return 0
}

func (s *Server) backoff(attempts int) time.Duration {
	wait := s.deliveries.policy.Retry
	if wait == 0 {
		wait = 50 * time.Millisecond
	}
	for range attempts - 1 {
		wait = min(2*wait, time.Second)
	}
	return wait
}

// deliveryClient makes the client that posts events. Each has its own
// connection, so that a receiver that went away is refused and not reset; a
// redirect is an answer like any other that is not 2xx; the proxy of the
// environment is not asked.
func deliveryClient() *http.Client {
	return &http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post sends an event. It returns the status code, or else a word on what went
// wrong.
func (s *Server) post(ctx context.Context, settings webhookSettings, body []byte) (code *int, failure *string) {
	resp, err := s.send(ctx, settings, body)
	if err != nil {
		class := "connection"
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			class = "timeout"
		}
		return nil, &class
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxBody)
	return &resp.StatusCode, nil
}

func (s *Server) send(ctx context.Context, settings webhookSettings, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, settings.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Heroku-Webhook-Hmac-SHA256", Sign(*settings.Secret, body))
	if settings.Authorization != nil {
		req.Header.Set("Authorization", *settings.Authorization)
	}
	return s.client.Do(req)
}

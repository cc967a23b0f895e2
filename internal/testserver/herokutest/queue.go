package herokutest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"time"
)

// The pause before a delivery is tried again is firstPause, doubled each time up
// to lastPause.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

// work starts a goroutine for the queue, unless one is running. There is only one,
// because a failing delivery delays those behind it. The caller holds s.mu.
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

// nextDelivery returns the head of the queue. If there is nothing to do, it returns nil,
// and the goroutine ends.
func (s *Server) nextDelivery(w *webhook) *delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.ctx.Err() == nil && !s.held && len(w.queue) > 0 {
		return w.queue[0]
	}
	w.busy = false
	close(s.rested)
	s.rested = make(chan struct{})
	return nil
}

// attempt makes one request, and waits if it is to be made again.
func (s *Server) attempt(d *delivery) {
	a := &attempt{ID: newID(), Status: "failed", CreatedAt: seconds(time.Now())}
	s.mu.Lock()
	settings := d.webhook.settings
	s.mu.Unlock()
	if code := s.post(d.webhook.ctx, settings, d.event.body(d.webhook.id, d.record.ID, a.ID)); code != 0 {
		a.Code = &code
		if code/100 == 2 {
			a.Status = "succeeded"
		}
	}
	a.UpdatedAt = seconds(time.Now())
	if pause := s.note(d, a); pause > 0 {
		select {
		case <-time.After(pause):
		case <-d.webhook.ctx.Done():
		}
	}
}

// note records an attempt and returns how long to wait until the next one; 0 if
// there will be none.
func (s *Server) note(d *delivery, a *attempt) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &d.record
	r.LastAttempt, r.UpdatedAt, r.NextAttemptAt = a, a.UpdatedAt, nil
	r.NumAttempts++
	if a.Status == "failed" && d.webhook.settings.Level == "sync" {
		pause := pauseAfter(r.NumAttempts)
		next := seconds(time.Now().Add(pause))
		r.Status, r.NextAttemptAt = "retrying", &next
		return pause
	}
	r.Status = a.Status
	d.webhook.queue = slices.DeleteFunc(d.webhook.queue, func(other *delivery) bool { return other == d })
	return 0
}

func pauseAfter(attempts int) time.Duration {
	pause := firstPause
	for range attempts - 1 {
		pause = min(2*pause, lastPause)
	}
	return pause
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

// post sends an event and returns the status code of the answer, 0 if there was
// none.
func (s *Server) post(ctx context.Context, settings webhookSettings, body []byte) (code int) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, settings.URL, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Heroku-Webhook-Hmac-SHA256", Sign(settings.Secret, body))
	resp, err := s.client.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxBody)
	return resp.StatusCode
}

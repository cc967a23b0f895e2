package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// call is one request to a remote, as its server saw it.
type call struct {
	name         string
	began, ended time.Time
}

func action(req *http.Request) string {
	return strings.TrimPrefix(req.Header.Get("X-Amz-Target"), "secretsmanager.")
}

func route(req *http.Request) string { return req.Method + " " + req.URL.Path }

// record delays a request as the distant server would, and records it.
func (r *rig) record(work time.Duration, name func(*http.Request) string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c := call{name: name(req), began: time.Now()}
		time.Sleep(work)
		handler.ServeHTTP(w, req)
		c.ended = time.Now()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.calls = append(r.calls, c)
	})
}

// taken returns the calls since it was last called.
func (r *rig) taken() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// follow rotates a binding's credential, runs update, and returns the time until AWSCURRENT
// has moved and the calls that were made.
func (r *rig) follow(ctx context.Context, b *binding, update func(context.Context) error) (time.Duration, []call, error) {
	if err := b.addon.Rotate(ctx); err != nil {
		return 0, nil, err
	}
	r.taken()
	began := time.Now()
	if err := update(ctx); err != nil {
		return 0, nil, err
	}
	calls := r.taken()
	for i, c := range slices.Backward(calls) { // the first swap may have had a fault
		if c.name == "UpdateSecretVersionStage" || c.name == "PutSecretValue" && i == len(calls)-1 {
			return c.ended.Sub(began), since(began, calls), r.right(ctx, b)
		}
	}
	return 0, nil, errors.New("AWSCURRENT did not move")
}

// right fails unless the secret holds what b.before says and then the URL that Heroku shows.
// What follows may differ: an sslmode, or the end of a line.
func (r *rig) right(ctx context.Context, b *binding) error {
	value, err := r.Value(ctx, b.secret)
	if err == nil && !strings.HasPrefix(value, b.before+b.db.URL()) {
		err = errors.New("the secret does not hold what Heroku shows")
	}
	return err
}

// since gives the calls another clock, which is zero at the given time.
func since(began time.Time, calls []call) []call {
	for i := range calls {
		calls[i].began = time.Time{}.Add(calls[i].began.Sub(began))
		calls[i].ended = time.Time{}.Add(calls[i].ended.Sub(began))
	}
	return calls
}

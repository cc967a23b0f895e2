package credential

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Source returns the values of one secret, the newest first. There is at least one.
type Source interface {
	Values(ctx context.Context) ([]Value, error)
	// Renew returns newer values than the stale ones, if there are any.
	Renew(ctx context.Context, stale []Value) ([]Value, error)
}

// Ring keeps the values of one secret while a container is warm, the API token or the
// signing keys, and reads them again when they no longer work or have been kept for long.
// It reads when it is first asked. It is a [Source].
type Ring struct {
	// Read reads the values. None of them may be empty.
	Read func(context.Context) ([]Value, error)
	// Rest is the least time between two reads that [Ring.Renew] makes, so that
	// a flood of forged requests does not become a flood of reads.
	Rest time.Duration
	// Age is how long values are kept; zero is as long as they work. Heroku refuses a
	// revoked token, so a token needs no age. Only this program decides that a signing
	// key no longer counts.
	Age time.Duration

	mu     Mutex // guards what follows, and makes one read serve all who wait
	values []Value
	read   time.Time // the last one
	good   time.Time // the last one that gave the values
}

// Values returns the values that are kept, reading them if none are, or if they have
// their age. Then a failed read is an error: the old values may no longer be valid.
func (r *Ring) Values(ctx context.Context) ([]Value, error) {
	if err := r.mu.Lock(ctx); err != nil {
		return nil, fmt.Errorf("waiting for another read: %w", err)
	}
	defer r.mu.Unlock()
	if len(r.values) > 0 && !r.isAged() {
		return r.values, nil
	}
	return r.reread(ctx)
}

// Renew returns newer values than the stale ones, which did not work. It reads again,
// unless another caller already has or the last read was less than Rest ago; then it
// returns the values that are kept. If the read fails, the kept values stay.
func (r *Ring) Renew(ctx context.Context, stale []Value) ([]Value, error) {
	if err := r.mu.Lock(ctx); err != nil {
		return nil, fmt.Errorf("waiting for another read: %w", err)
	}
	defer r.mu.Unlock()
	if !slices.EqualFunc(stale, r.values, Value.Equal) || time.Since(r.read) < r.Rest {
		return r.values, nil
	}
	return r.reread(ctx)
}

// isAged reports whether the values have reached their age. It uses the wall clock: the
// monotonic clock may stand still while Lambda freezes the container. If the clock was
// set back, the age is unknown.
func (r *Ring) isAged() bool {
	age := time.Now().Round(0).Sub(r.good.Round(0))
	return r.Age > 0 && (age < 0 || age >= r.Age)
}

func (r *Ring) reread(ctx context.Context) ([]Value, error) {
	r.read = time.Now() // also if it fails: Renew rests after a failed read, too
	values, err := r.Read(ctx)
	if err != nil {
		return nil, err
	}
	r.values, r.good = values, r.read // what changed while it was read is younger than the values
	return values, nil
}

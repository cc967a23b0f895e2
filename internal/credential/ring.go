package credential

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keepcurrent.example/internal/lock"
)

// Source gives the values of one secret, the newest first. There is at least one.
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
	// Age is for how long values are kept, zero for as long as they work. A token that
	// is revoked stops to work at Heroku; of a signing key only we can say that it does
	// no longer count.
	Age time.Duration

	mu     lock.Mutex // guards what follows, and makes one read serve all who wait
	values []Value
	read   time.Time // the last one
	good   time.Time // the last one that gave the values
}

// Values returns the values that are kept, reading them if none are, or if they have
// their age: then a failed read is an error, for nobody knows whether they still count.
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

// Renew returns newer values than the ones that turned out not to work. It reads
// again unless somebody already has, or the last read was less than Rest
// ago; then it returns what is kept. A failed read leaves what is kept.
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

// isAged goes by the wall clock: the monotonic one may stand still while Lambda freezes
// the container. A clock that was set back proves nothing.
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

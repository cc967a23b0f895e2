// Package keyring keeps the API token and the signing key while a container is
// warm, and reads them again when they no longer work, or when they have been kept for long.
package keyring

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/lock"
)

// Ring is the values of one secret, the newest first. It reads when it is first asked.
type Ring struct {
	// Read reads the values. None of them may be empty.
	Read func(context.Context) ([]credential.Value, error)
	// Rest is the least time between two reads that [Ring.Renew] makes, so that
	// a flood of forged requests does not become a flood of reads.
	Rest time.Duration
	// Age is for how long values are kept, zero for as long as they work. A token that
	// is revoked stops to work at Heroku; of a signing key only we can say that it does
	// no longer count.
	Age time.Duration

	mu     lock.Mutex // guards what follows, and makes one read serve all who wait
	values []credential.Value
	read   time.Time // the last one
	good   time.Time // the last one that gave the values
}

// Values returns the values that are kept, reading them if none are, or if they have
// their age: then a failed read is an error, for nobody knows whether they still count.
func (r *Ring) Values(ctx context.Context) ([]credential.Value, error) {
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
func (r *Ring) Renew(ctx context.Context, stale []credential.Value) ([]credential.Value, error) {
	if err := r.mu.Lock(ctx); err != nil {
		return nil, fmt.Errorf("waiting for another read: %w", err)
	}
	defer r.mu.Unlock()
	if !slices.EqualFunc(stale, r.values, credential.Value.Equal) || time.Since(r.read) < r.Rest {
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

func (r *Ring) reread(ctx context.Context) ([]credential.Value, error) {
	r.read = time.Now() // also if it fails: Renew rests after a failed read, too
	values, err := r.Read(ctx)
	if err != nil {
		return nil, err
	}
	r.values, r.good = values, r.read // what changed while it was read is younger than the values
	return values, nil
}

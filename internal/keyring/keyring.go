// Package keyring keeps the API token and the signing key while a container is
// warm, and reads them again when the other side no longer takes them.
package keyring

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/turn"
)

// Ring is the values of one secret, the newest first. It reads when it is first
// asked, and never because time has gone by.
type Ring struct {
	// Read reads the values. None of them may be empty.
	Read func(context.Context) ([]credential.Value, error)
	// Rest is the least time between two reads that [Ring.Renew] makes, so that
	// a flood of forged requests does not become a flood of reads.
	Rest time.Duration

	mu     turn.Lock // guards what follows, and makes one read serve all who wait
	values []credential.Value
	read   time.Time
}

// Values returns the values that are kept, reading them if none are.
func (r *Ring) Values(ctx context.Context) ([]credential.Value, error) {
	if err := r.mu.Lock(ctx); err != nil {
		return nil, fmt.Errorf("waiting for somebody else's read: %w", err)
	}
	defer r.mu.Unlock()
	if len(r.values) > 0 {
		return r.values, nil
	}
	return r.reread(ctx)
}

// Renew returns newer values than the ones that turned out not to work. It reads
// again unless somebody already has, or the last read was less than Rest
// ago; then it returns what is kept. A failed read leaves what is kept.
func (r *Ring) Renew(ctx context.Context, stale []credential.Value) ([]credential.Value, error) {
	if err := r.mu.Lock(ctx); err != nil {
		return nil, fmt.Errorf("waiting for somebody else's read: %w", err)
	}
	defer r.mu.Unlock()
	if !slices.EqualFunc(stale, r.values, credential.Value.Equal) || time.Since(r.read) < r.Rest {
		return r.values, nil
	}
	return r.reread(ctx)
}

func (r *Ring) reread(ctx context.Context) ([]credential.Value, error) {
	r.read = time.Now() // also if it fails: Renew rests after a failed read, too
	values, err := r.Read(ctx)
	if err != nil {
		return nil, err
	}
	r.values = values
	return values, nil
}

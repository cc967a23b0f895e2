// Package turn has a lock that is not waited for longer than one has time.
package turn

import (
	"context"
	"sync"
)

// Lock lets one in at a time. Its zero value is open.
type Lock struct {
	once sync.Once
	held chan struct{}
}

// Lock waits for its turn until the context ends, whose error it returns then.
func (l *Lock) Lock(ctx context.Context) error {
	l.once.Do(func() { l.held = make(chan struct{}, 1) })
	select {
	case l.held <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Unlock ends the turn.
func (l *Lock) Unlock() { <-l.held }

// Package turn has a mutex for whoever cannot wait for ever. It is held during calls
// over the network; for anything shorter a [sync.Mutex] will do.
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

// Lock waits for its turn. If the context ends first, it returns the context's error.
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

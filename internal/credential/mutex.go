package credential

import (
	"context"
	"sync"
)

// Mutex is a mutex whose Lock honours a context. Its zero value is unlocked. It is held
// during calls over the network; for anything shorter a [sync.Mutex] will do.
type Mutex struct {
	once sync.Once
	held chan struct{}
}

// Lock locks the mutex. If the context ends first, it returns the context's error.
func (l *Mutex) Lock(ctx context.Context) error {
	l.once.Do(func() { l.held = make(chan struct{}, 1) })
	select {
	case l.held <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Unlock unlocks the mutex.
func (l *Mutex) Unlock() { <-l.held }

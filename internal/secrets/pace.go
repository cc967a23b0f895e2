package secrets

import (
	"context"
	"sync"
	"time"
)

// Pace spaces out writes. AWS takes 50 a second of them, in all, in one account and
// Region, and this is not adjustable
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
type Pace struct {
	// Every is the least time from one write to the next.
	Every time.Duration

	mu   sync.Mutex
	next time.Time // when the next write may be made
}

// wait waits until the next write may be made. Without a pace it returns at once.
func (p *Pace) wait(ctx context.Context) error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	now := time.Now()
	slot := now
	if p.next.After(now) {
		slot = p.next
	}
	p.next = slot.Add(p.Every)
	p.mu.Unlock()
	select {
	case <-time.After(slot.Sub(now)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

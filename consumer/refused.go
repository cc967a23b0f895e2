package consumer

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstPause = time.Second
	// maxPause is the longest pause before a call of Refused. Jitter adds up to half of it,
	// which makes a minute.
	maxPause = 40 * time.Second
	// callTimeout bounds one call of Refused.
	callTimeout = 10 * time.Second
)

// refusal is a credential that the server refuses while the secret has nothing newer.
type refusal struct {
	ctx    context.Context // of the calls of Refused about it
	cancel context.CancelFunc
	due    time.Time     // when the next call is
	pause  time.Duration // between the last call and that one
	wanted bool          // whether the server has refused the credential since the last call
}

// refuse arranges a call of Refused. It does not wait for the call. The caller holds the
// lock.
func (s *Source) refuse(ctx context.Context) {
	if s.Refused == nil {
		return
	}
	if s.refusal == nil {
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		s.refusal = &refusal{ctx: ctx, cancel: cancel, due: time.Now().Add(jitter(firstPause)), pause: firstPause}
	}
	s.refusal.wanted = true
	if !s.calling {
		s.calling = true
		go s.callWhileWanted()
	}
}

// settle ends the calls about a refusal: the newest version logs in, or a newer one was read. The
// caller holds the lock.
func (s *Source) settle() {
	if s.refusal != nil {
		s.refusal.cancel()
		s.refusal = nil
	}
}

// callWhileWanted calls Refused when a call is due, until the server has refused nothing
// since the last call.
func (s *Source) callWhileWanted() {
	for r := s.wanted(); r != nil; r = s.wanted() {
		if sleep(r.ctx, time.Until(r.due)) != nil {
			continue
		}
		unread := s.read(r.ctx)
		<-unread.done
		if version, ok := s.take(r); ok {
			if unread.err == nil {
				s.callRefused(r.ctx, version)
			}
			s.schedule(r)
		}
	}
}

// wanted returns the refusal to call about. If there is none, the next refusal starts
// another goroutine.
func (s *Source) wanted() *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calling = s.refusal != nil && s.refusal.wanted
	if !s.calling {
		return nil
	}
	return s.refusal
}

// take returns the version to report, and false if the refusal is settled.
func (s *Source) take(r *refusal) (version string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.wanted = false
	return s.version, s.refusal == r
}

func (s *Source) schedule(r *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.pause = min(2*r.pause, maxPause)
	r.due = time.Now().Add(jitter(r.pause))
}

// callRefused drops a panic: it is in a goroutine that the program did not start.
func (s *Source) callRefused(ctx context.Context, version string) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	defer func() { _ = recover() }()
	s.Refused(ctx, s.SecretID, version)
}

// jitter returns a random time from half of a pause to one and a half, so that many
// processes do not act at the same time.
func jitter(pause time.Duration) time.Duration { return pause/2 + rand.N(pause) }

// sleep waits, and returns an error if the context ends first.
func sleep(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

package consumer

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// flight is one search for a credential that logs in. All who want to connect
// while it is under way share it.
type flight struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int // guarded by the source's mu
	found   *credential
	err     error
}

// credential returns one that has logged in since this call or one that it
// shares began. A caller that gives up does not end the search for the others;
// the last one does.
func (s *Source) credential(ctx context.Context, config *pgx.ConnConfig) (*credential, error) {
	f := s.join(ctx, config)
	select {
	case <-f.done:
		return f.found, f.err
	case <-ctx.Done():
		s.leave(f)
		return nil, ctx.Err()
	}
}

func (s *Source) join(ctx context.Context, config *pgx.ConnConfig) *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight == nil {
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		f := &flight{done: make(chan struct{}), cancel: cancel}
		s.flight = f
		go func() {
			defer cancel()
			f.found, f.err = s.search(ctx, config)
			s.land(f)
		}()
	}
	s.flight.waiting++
	return s.flight
}

func (s *Source) leave(f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.waiting--
	if f.waiting == 0 {
		f.cancel()
		s.forget(f)
	}
}

func (s *Source) land(f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(f)
	close(f.done)
}

// forget lets the next caller begin a flight of its own.
func (s *Source) forget(f *flight) {
	if s.flight == f {
		s.flight = nil
	}
}

// search logs in with what is known and, as long as that fails, looks for a newer
// version: once at once, and then again and again until the time is up. The
// newest comes first, but one that does not log in does not take the place of an
// older one that does.
func (s *Source) search(ctx context.Context, config *pgx.ConnConfig) (*credential, error) {
	unread := s.readIfDue(ctx)
	failed := make(map[*credential]*Error)
	for round := 0; ; round++ {
		known := s.known()
		if len(known) == 0 {
			return nil, unread
		}
		if c, err := s.try(ctx, known, failed, config); c != nil || err != nil {
			return c, err
		}
		since := s.failingSince()
		if round > 1 && time.Since(since) >= s.wait() {
			return nil, errors.Join(failed[known[0]], unread)
		}
		if round > 0 {
			if err := rest(ctx, time.Since(since)); err != nil {
				return nil, err
			}
		}
		unread = s.read(ctx)
	}
}

// try adopts and returns the first that logs in, nil if none does, and remembers
// why not. Its error is that of a search that nobody waits for any more.
func (s *Source) try(ctx context.Context, known []*credential, failed map[*credential]*Error, config *pgx.ConnConfig) (*credential, error) {
	for _, c := range known {
		if e := failed[c]; e != nil && e.Kind == ErrRefused {
			continue // and only another version can help
		}
		e := s.login(ctx, c, config)
		if e == nil {
			s.adopt(c)
			return c, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		failed[c] = e
	}
	return nil, nil
}

// rest waits before the next look: 50 ms at first and a second in the end, more or
// less, so that many processes do not look at the same time.
func rest(ctx context.Context, failing time.Duration) error {
	pause := min(max(failing/4, 50*time.Millisecond), time.Second)
	select {
	case <-time.After(pause/2 + rand.N(pause)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

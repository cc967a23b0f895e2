package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// flight is one search for a credential that logs in. All callers that connect while it
// is under way share it.
type flight struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int    // guarded by the source's mu
	last    *Error // the newest credential's, so far; guarded by the source's mu
	found   *credential
	err     error
}

// credential returns a credential that has logged in since this call began, or since the
// search that it shares began. It fails if none logs in within the wait, or if ctx ends.
// A caller that gives up does not end the search, unless it is the last one.
func (s *Source) credential(ctx context.Context, config *pgx.ConnConfig) (*credential, error) {
	f := s.join(ctx, config)
	select {
	case <-f.done:
		return f.found, f.err
	case <-ctx.Done():
		return nil, s.leave(f, ctx.Err())
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
			f.found, f.err = s.search(ctx, f, config)
			s.land(f)
		}()
	}
	s.flight.waiting++
	return s.flight
}

// leave returns what a caller gets that gives up for a reason.
func (s *Source) leave(f *flight, reason error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.waiting--
	if f.waiting == 0 {
		f.cancel()
		s.forget(f)
	}
	if f.last == nil {
		return reason
	}
	return fmt.Errorf("%w while waiting for a newer version: %w", reason, f.last)
}

func (s *Source) fail(f *flight, e *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.last = e
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

// search logs in with the known credentials, the newest first. As long as none logs in,
// it reads the secret again, first at once and then at intervals, until the time is up.
// A newer version that does not log in does not replace an older one that does.
func (s *Source) search(ctx context.Context, f *flight, config *pgx.ConnConfig) (*credential, error) {
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
		s.fail(f, failed[known[0]])
		if failed[known[0]].Kind == ErrFull {
			if round > 0 || !s.doubt() {
				return nil, failed[known[0]] // waiting makes no room
			}
			unread = s.read(ctx)
			continue
		}
		since := s.failingSince()
		if round > 1 && time.Since(since) >= s.wait() {
			if unread == nil {
				return nil, failed[known[0]] // the type of which Lambda and others report
			}
			return nil, errors.Join(failed[known[0]], unread)
		}
		if round > 0 {
			if err := rest(ctx, time.Since(since)); err != nil {
				return nil, err
			}
		}
		if unread = s.read(ctx); unread == nil {
			s.refuse(ctx, failed)
		}
	}
}

// try adopts and returns the first credential that logs in. If none does, it returns nil
// and records the errors in failed. It fails only if no caller waits any more.
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

// rest waits before the next read: at first about 50 ms, in the end about a second. The
// times are random, so that many processes do not read at the same time.
func rest(ctx context.Context, failing time.Duration) error {
	return sleep(ctx, jitter(min(max(failing/4, 50*time.Millisecond), time.Second)))
}

package consumer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// headStart is how long a search waits for one thing before it begins the next beside it:
	// a read before the login, a newer version before the older one.
	headStart = 500 * time.Millisecond
	// lateRest is about how long a search takes after the Wait, so that a program that tries
	// again and again does not flood the server.
	lateRest = time.Second
	// maxReadPause is the longest time between two reads while nothing logs in.
	maxReadPause = 3 * time.Second
)

// flight is one search for a credential that logs in. All callers that connect while it
// is under way share it. It goes on when they give up: the next caller needs its result.
type flight struct {
	began time.Time
	done  chan struct{}
	last  *Error // the newest credential's, so far
	found *credential
	err   error
}

// attempt is one login. It goes on when the search that began it has found another.
type attempt struct {
	done    chan struct{}
	failure *Error
	final   bool // only another version can help
}

func (a *attempt) ended() bool { return closed(a.done) }

func closed(event <-chan struct{}) bool {
	select {
	case <-event:
		return true
	default:
		return false
	}
}

// credential returns a credential that has logged in since this call began, or since the
// search that it shares began. It fails if none logs in within the wait, or if ctx ends.
func (p *prover) credential(ctx context.Context, config *pgx.ConnConfig) (*credential, error) {
	f := p.join(ctx, config)
	select {
	case <-f.done:
		return f.found, f.err
	case <-ctx.Done():
		return nil, p.gaveUp(f, ctx.Err())
	}
}

func (p *prover) join(ctx context.Context, config *pgx.ConnConfig) *flight {
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	p.config = config.Copy()
	if p.flight == nil {
		p.flight = &flight{began: time.Now(), done: make(chan struct{})}
		go p.search(context.WithoutCancel(ctx), p.flight)
	}
	return p.flight
}

// gaveUp returns what a caller gets that gives up for a reason.
func (p *prover) gaveUp(f *flight, reason error) error {
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	if f.last == nil {
		return reason
	}
	return fmt.Errorf("%w while waiting for a newer version: %w", reason, f.last)
}

// land ends the search under way. The caller holds the lock.
func (p *prover) land(c *credential, err error) {
	if f := p.flight; f != nil {
		f.found, f.err, p.flight = c, err, nil
		close(f.done)
	}
}

// fail ends a search in which nothing has logged in.
func (p *prover) fail(f *flight, err error) {
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	if p.flight == f {
		p.failed = time.Now()
		p.land(nil, err)
	}
}

// pause waits for an event, for a time at most, and no longer than the search goes on.
func (f *flight) pause(event <-chan struct{}, limit time.Duration) {
	select {
	case <-event:
	case <-f.done:
	case <-time.After(limit):
	}
}

// search logs in with the known credentials. As long as none logs in, it reads the secret
// again, first at once and then at growing intervals, until the time is up. A login that
// succeeds ends it.
func (p *prover) search(ctx context.Context, f *flight) {
	s := p.source
	unread := s.readIfDue(ctx)
	for tried := make(map[*credential]*attempt); ; {
		known := p.known()
		if len(known) == 0 {
			p.fail(f, unread)
			return
		}
		if p.try(ctx, f, known, tried); closed(f.done) {
			return
		}
		last, full := p.failure(f, tried)
		if full { // waiting frees no connection
			if s.doubt() {
				s.read(ctx).wait(lateRest)
			}
			if p.isNews(tried) {
				continue
			}
			p.fail(f, last)
			return
		}
		since := p.failingSince(f)
		due := s.lastRead().Add(jitter(min(max(time.Since(since)/6, 50*time.Millisecond), maxReadPause)))
		f.pause(nil, min(time.Until(due), lateRest))
		if !time.Now().Before(due) && !closed(f.done) {
			unread = s.read(ctx).wait(lateRest)
		}
		if time.Since(since) < s.wait() || p.isNews(tried) {
			continue
		}
		for _, a := range tried {
			f.pause(a.done, 2*loginTimeout) // which ends the login itself
		}
		if last, _ = p.failure(f, tried); unread == nil {
			p.fail(f, last) // the type of which Lambda and others report
		} else {
			p.fail(f, errors.Join(last, unread))
		}
		return
	}
}

// try logs in with one credential after the other, until one has logged in. If one that
// never did is silent, the next begins beside it.
func (p *prover) try(ctx context.Context, f *flight, known []*credential, tried map[*credential]*attempt) {
	for _, c := range known {
		a := tried[c]
		if a == nil || a.ended() && !a.final {
			a = p.login(ctx, c)
			tried[c] = a
		}
		f.pause(a.done, headStart)
		if closed(f.done) || !a.ended() && p.serves(c) {
			return
		}
	}
}

// login begins a login, or returns the one that is under way.
func (p *prover) login(ctx context.Context, c *credential) *attempt {
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	if a := p.logins[c]; a != nil {
		return a
	}
	a, config := &attempt{done: make(chan struct{})}, p.config.Copy()
	if p.logins == nil {
		p.logins = make(map[*credential]*attempt)
	}
	p.logins[c] = a
	go func() {
		a.failure, a.final = p.source.login(ctx, c, config)
		p.source.mu.Lock()
		defer p.source.mu.Unlock()
		delete(p.logins, c)
		if a.failure == nil {
			p.adopt(c)
		} else {
			p.reject(ctx, c, a)
		}
		close(a.done)
	}()
	return a
}

// isNews reports whether the secret has a version that was not tried yet.
func (p *prover) isNews(tried map[*credential]*attempt) bool {
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	return tried[p.source.newest] == nil
}

// failure returns why no credential has logged in so far: the newest one's failure, if
// there is one. It reports whether the server is only full, and there is nothing to wait
// for. A refusal among the failures is a reason to call Refused.
func (p *prover) failure(f *flight, tried map[*credential]*attempt) (last *Error, full bool) {
	s := p.source
	s.mu.Lock()
	defer s.mu.Unlock()
	refused := false
	for c, a := range tried {
		if !a.ended() || a.failure == nil {
			continue
		}
		if last == nil || c == s.newest {
			last = a.failure
		}
		refused = refused || a.failure.Kind == ErrRefused
		full = full || c == s.newest && a.failure.Kind == ErrFull && cmp.Or(p.older(), c) == c
	}
	if full {
		p.failing = time.Time{} // the server is there
	} else if refused {
		s.refuse(context.Background())
	}
	f.last = last
	return last, full
}

// failingSince returns when the present series of failed searches began. A series ends
// when a version logs in, or when nobody has wanted a connection for a while.
func (p *prover) failingSince(f *flight) time.Time {
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	if p.failing.IsZero() || f.began.Sub(p.failed) > defaultLifetime && p.failing.Before(f.began) {
		p.failing = f.began
	}
	return p.failing
}

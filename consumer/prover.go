package consumer

import (
	"cmp"
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// prover knows which credentials log in with the settings of one pool, or of ConnConfig
// and URL: another pool may reach another server, or none. The source's mu guards it.
type prover struct {
	source *Source
	config *pgx.ConnConfig // with the caller's settings, and nothing of a secret's
	proven *credential     // in use: it has logged in, and no newer one has
	former *credential     // in use before that, until a server refuses it
	logins map[*credential]*attempt
	flight *flight

	failing time.Time // since when nothing logs in; zero if something does
	failed  time.Time // when the last search failed

	// The newest credential is set back if it has failed: the older ones are tried before it,
	// at growing intervals.
	setBack      *credential
	setBackUntil time.Time
	setBackPause time.Duration
}

// adopt makes a credential that has logged in the one to use. The caller holds the lock.
func (p *prover) adopt(c *credential) {
	p.failing = time.Time{}
	if newest := p.source.newest; c == newest {
		p.source.settle()
	} else if p.logins[newest] != nil { // and it is silent
		p.postpone(newest)
	}
	switch {
	case p.proven == nil || c.order > p.proven.order:
		p.former, p.proven = p.proven, c
	case c == p.former: // which is tried only if the newer one has failed
		p.former, p.proven = nil, c
	}
	p.source.served = c
	p.land(c, nil)
}

// reject takes note of a failed login. The caller holds the lock.
func (p *prover) reject(ctx context.Context, c *credential, a *attempt) {
	if a.final && c == p.former {
		p.former = nil
	}
	if c == p.source.newest {
		p.postpone(c)
		if a.failure.Kind == ErrRefused {
			p.source.refuse(ctx)
		}
	}
}

// postpone sets the newest credential back. The caller holds the lock.
func (p *prover) postpone(c *credential) {
	if c != p.setBack {
		p.setBack, p.setBackUntil, p.setBackPause = c, time.Time{}, firstPause
	}
	if time.Now().Before(p.setBackUntil) {
		return
	}
	p.setBackUntil = time.Now().Add(p.setBackPause)
	p.setBackPause = min(2*p.setBackPause, defaultLifetime)
}

// postponed reports whether the newest credential is set back. The caller holds the lock.
func (p *prover) postponed() bool {
	return p.setBack == p.source.newest && time.Now().Before(p.setBackUntil)
}

// dropped is called when a connection failed with a credential that has just logged in:
// the server had one connection left, say.
func (p *prover) dropped(c *credential) {
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	if c == p.source.newest {
		p.postpone(c)
	}
}

// restored takes dropped back.
func (p *prover) restored(c *credential) {
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	if c == p.setBack {
		p.setBackUntil = time.Time{}
	}
}

// known returns the credentials that may log in, in the order in which to try them.
func (p *prover) known() (known []*credential) {
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	newest, older := p.source.newest, p.older()
	order := []*credential{newest, older, p.former}
	switch {
	case p.postponed() && newest == older:
		order = []*credential{p.former, newest}
	case p.postponed():
		order = []*credential{older, p.former, newest}
	}
	for _, c := range order {
		if c != nil && (len(known) == 0 || known[len(known)-1] != c) {
			known = append(known, c)
		}
	}
	return known
}

// older returns the credential in use, or that of another prover if there is none. The
// caller holds the lock.
func (p *prover) older() *credential { return cmp.Or(p.proven, p.source.served) }

// serves reports whether a credential is in use.
func (p *prover) serves(c *credential) bool {
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	return c == p.proven
}

// outdated reports whether a credential that is newer than c is in use.
func (p *prover) outdated(c *credential) bool {
	p.source.mu.Lock()
	defer p.source.mu.Unlock()
	return p.proven != nil && c.order < p.proven.order
}

// refresh reads the secret in the background if it is due, and proves a new version
// there. A pool whose connections live on opens no new ones; without refresh it would
// keep the old credential until that is dead.
func (p *prover) refresh(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if !p.source.isDue() {
		p.proveNewest(ctx)
		return
	}
	r := p.source.read(ctx)
	go func() {
		<-r.done // if it has failed the pool goes on with what it has
		p.proveNewest(ctx)
	}()
}

func (p *prover) proveNewest(ctx context.Context) {
	p.source.mu.Lock()
	newest := p.source.newest
	idle := newest == p.proven || p.config == nil || p.postponed()
	p.source.mu.Unlock()
	if !idle {
		p.login(ctx, newest)
	}
}

package consumer

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// PoolConfig reads the secret and returns the config of a pool whose connections
// follow it. Server, credential and TLS come from the secret, for each new
// connection. The caller may change everything else before the pool is made: what differs
// from pgx's default wins over the URL's parameters, and these win over the environment. The
// hooks BeforeConnect, PrepareConn, BeforeClose and ShouldPing are in use: a hook
// that replaces one must call it. ConnConfig.OnPgError and the tracers are the caller's.
// PoolConfig fails if the secret cannot be read.
//
// The config itself contains no credential, and no server: its ConnConfig is for the pool
// alone, and [Source.ConnConfig] for everything else.
func (s *Source) PoolConfig(ctx context.Context) (*pgxpool.Config, error) {
	if err := s.readIfDue(ctx); err != nil && !s.isRead() {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(placeholder)
	if err != nil {
		return nil, s.unsuited()
	}
	unset(config.ConnConfig)
	p := &pool{prover: prover{source: s}, born: time.Now()}
	config.BeforeConnect = p.beforeConnect
	config.PrepareConn = p.prepareConn
	config.BeforeClose = p.beforeClose
	config.ShouldPing = p.shouldPing
	config.PingTimeout = loginTimeout // pgxpool has none, and a host that is gone does not answer
	return config, nil
}

// ConnConfig returns a config for one connection outside a pool: for [pgx.ConnectConfig] and
// stdlib.OpenDB, a migration, LISTEN, or an advisory lock.
// Its credential has logged in since the call began, or since the search that the call
// shares began. ConnConfig waits for such a credential as a pool's connection does, and
// fails with an [*Error] if none logs in.
//
// Ask for a new config before each connection: the next rotation makes this one useless.
// The config contains the credential, and prints it. The login that proves it has no
// DialFunc or LookupFunc of the caller's.
func (s *Source) ConnConfig(ctx context.Context) (*pgx.ConnConfig, error) {
	config, c, err := s.prove(ctx)
	if err != nil {
		return nil, err
	}
	c.apply(config)
	s.watch(config)
	return config, nil
}

// URL returns the secret's URL, proven as by [Source.ConnConfig], for a tool that takes
// nothing but a text. It is good until the next rotation: do not keep it. The text contains
// the credential.
func (s *Source) URL(ctx context.Context) (string, error) {
	_, c, err := s.prove(ctx)
	if err != nil {
		return "", err
	}
	return c.open().ConnString(), nil
}

func (s *Source) prove(ctx context.Context) (*pgx.ConnConfig, *credential, error) {
	config, err := pgx.ParseConfig(placeholder)
	if err != nil {
		return nil, nil, s.unsuited()
	}
	unset(config)
	s.mu.Lock()
	if s.single == nil {
		s.single = &prover{source: s}
	}
	p := s.single
	s.mu.Unlock()
	c, err := p.credential(ctx, config)
	return config, c, err
}

func (s *Source) unsuited() error {
	return &Error{Kind: ErrSettings, SecretID: s.SecretID, Err: unsuited()}
}

// pool is what the hooks of one pool share.
type pool struct {
	prover
	born time.Time
	died atomic.Int64 // how old the pool was when a connection last turned out dead; 0 if none has
}

// mark is on each connection.
type mark struct {
	credential *credential
	used       bool
}

const markKey = "keepcurrent/consumer"

// beforeConnect proves the credential before the pool logs in with it. pgxpool returns
// a failed login to the caller, and has no hook that could try another credential.
func (p *pool) beforeConnect(ctx context.Context, config *pgx.ConnConfig) error {
	c, err := p.credential(ctx, config)
	if err != nil {
		return err
	}
	c.apply(config)
	p.source.watch(config)
	connected, failed, next := false, false, config.OnPgError
	config.OnPgError = func(conn *pgconn.PgConn, e *pgconn.PgError) bool {
		if !connected {
			failed = true
			p.dropped(c)
		}
		return next(conn, e)
	}
	after := config.Config.AfterConnect
	config.Config.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		connected = true
		if failed {
			p.restored(c) // at another address of the host
		}
		conn.CustomData()[markKey] = &mark{credential: c}
		if after == nil {
			return nil
		}
		return after(ctx, conn)
	}
	return nil
}

// prepareConn retires a connection with an older credential when a caller acquires it
// again, and never while it is in use. It always accepts a new connection: otherwise one
// caller could lose several in a row.
func (p *pool) prepareConn(ctx context.Context, conn *pgx.Conn) (bool, error) {
	p.refresh(ctx)
	m, ours := conn.PgConn().CustomData()[markKey].(*mark)
	if !ours {
		return true, nil
	}
	retire := m.used && p.outdated(m.credential)
	m.used = true
	return !retire, nil
}

// beforeClose records the time of a connection that is closed already: if the server
// ended it, it may have ended others.
func (p *pool) beforeClose(conn *pgx.Conn) {
	if conn.IsClosed() {
		p.died.Store(int64(time.Since(p.born)))
	}
}

// shouldPing applies pgxpool's own rule, and also tests each connection that was not
// used since another one died: after one failure, no caller gets another connection that
// the rotation has cut.
func (p *pool) shouldPing(_ context.Context, conn pgxpool.ShouldPingParams) bool {
	died := p.died.Load()
	return conn.IdleDuration > time.Second ||
		died > 0 && conn.IdleDuration > time.Since(p.born)-time.Duration(died)
}

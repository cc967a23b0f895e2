package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// consumer is a workload: a pgx pool that queries all the time, and reads the
// secret for each new connection.
type consumer struct {
	pool *pgxpool.Pool

	mu     sync.Mutex // guards what follows
	ok     int
	failed int
	down   bool
	outage outage // since the last chapter with one
}

// outage is the time from the first query that failed to the next that did not.
type outage struct {
	began  time.Time
	length time.Duration
	failed int
}

// consume starts a consumer, which ends with the context.
func (s *shop) consume(ctx context.Context) error {
	config, err := pgxpool.ParseConfig("postgres://consumer@127.0.0.1/consumer?sslmode=require")
	if err != nil {
		return err
	}
	config.MaxConns = 4
	config.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) error {
		url, err := s.Value(ctx, s.secret)
		if err != nil {
			return err
		}
		fresh, err := pgx.ParseConfig(url)
		if err != nil {
			return errors.New("the secret has no connection URL") // pgx's error could quote the value
		}
		c.Config = fresh.Config
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	s.consumer = &consumer{pool: pool}
	s.tasks.Go(func() { s.consumer.run(ctx) })
	return nil
}

// run queries every other millisecond.
func (c *consumer) run(ctx context.Context) {
	defer c.pool.Close()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var one int
		err := c.pool.QueryRow(ctx, "select 1").Scan(&one)
		if ctx.Err() == nil {
			c.count(err)
		}
	}
}

func (c *consumer) count(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if c.outage.failed == 0 {
			c.outage.began = time.Now()
		}
		c.outage.failed++
		c.failed++
		c.down = true
		return
	}
	c.ok++
	if c.down {
		c.outage.length = time.Since(c.outage.began)
		c.down = false
	}
}

// queries waits for so many more good queries.
func (c *consumer) queries(ctx context.Context, n int) error {
	c.mu.Lock()
	goal := c.ok + n
	c.mu.Unlock()
	return until(ctx, &c.mu, func() bool { return c.ok >= goal })
}

// recovery waits for the end of an outage and removes the outage from the record.
func (c *consumer) recovery(ctx context.Context) (o outage, err error) {
	if err := until(ctx, &c.mu, func() bool { return c.outage.failed > 0 && !c.down }); err != nil {
		return o, fmt.Errorf("the consumer is not back: %w", err)
	}
	if err := c.queries(ctx, 20); err != nil { // and it stays so
		return o, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o, c.outage = c.outage, o
	return o, nil
}

// until checks the condition every millisecond, with the lock held, and returns when it
// is true.
func until(ctx context.Context, mu *sync.Mutex, condition func() bool) error {
	for {
		mu.Lock()
		met := condition()
		mu.Unlock()
		if met {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

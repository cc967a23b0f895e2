package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"keepcurrent.example/internal/testserver/stacktest"
)

// consumer is a workload: a pgx pool that queries all the time, and reads the
// secret for each new connection.
type consumer struct {
	pool   *pgxpool.Pool
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex // guards what follows
	ok      int
	failed  int
	current outage // under way
	ended   []outage
}

// outage is the time from the first query that failed to the next that did not.
type outage struct {
	began  time.Time
	length time.Duration
	failed int
}

func consume(ctx context.Context, stack *stacktest.Stack, secret string) (*consumer, error) {
	config, err := pgxpool.ParseConfig("postgres://consumer@127.0.0.1/consumer?sslmode=require")
	if err != nil {
		return nil, err
	}
	config.MaxConns = 4
	config.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) error {
		url, err := stack.Value(ctx, secret)
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
	ctx, cancel := context.WithCancel(ctx)
	c := &consumer{cancel: cancel}
	if c.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		cancel()
		return nil, err
	}
	c.done.Go(func() { c.run(ctx) })
	return c, nil
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
		if c.current.failed == 0 {
			c.current.began = time.Now()
		}
		c.current.failed++
		c.failed++
		return
	}
	c.ok++
	if c.current.failed > 0 {
		c.current.length = time.Since(c.current.began)
		c.ended = append(c.ended, c.current)
		c.current = outage{}
	}
}

// until checks the condition every millisecond and returns when it is true.
func (c *consumer) until(ctx context.Context, condition func() bool) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		c.mu.Lock()
		met := condition()
		c.mu.Unlock()
		if met {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// queries waits for so many more good queries.
func (c *consumer) queries(ctx context.Context, n int) error {
	c.mu.Lock()
	goal := c.ok + n
	c.mu.Unlock()
	return c.until(ctx, func() bool { return c.ok >= goal })
}

// recovery waits for the end of the outage and removes the outage from the list.
func (c *consumer) recovery(ctx context.Context) (outage, error) {
	if err := c.until(ctx, func() bool { return len(c.ended) > 0 && c.current.failed == 0 }); err != nil {
		return outage{}, fmt.Errorf("the consumer is not back: %w", err)
	}
	if err := c.queries(ctx, 20); err != nil { // and it stays so
		return outage{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	whole := outage{began: c.ended[0].began}
	for _, o := range c.ended {
		whole.failed += o.failed
		whole.length = o.began.Add(o.length).Sub(whole.began)
	}
	c.ended = nil
	return whole, nil
}

// unexplained counts the failed queries that belong to no outage of a chapter.
func (c *consumer) unexplained() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.current.failed
	for _, o := range c.ended {
		n += o.failed
	}
	return n
}

func (c *consumer) stop() {
	c.cancel()
	c.done.Wait()
}

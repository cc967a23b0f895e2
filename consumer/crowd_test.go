package consumer_test

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	workers = 8
	// rate is of the queries of one pool, a second.
	rate = 320
	// connections are as many as all workers could use at a time.
	connections = workers
)

// query is one that a worker has made.
type query struct {
	began, ended time.Time
	user         string // who it ran as
	err          error
}

// crowd is the load on one pool: workers that query all the time.
type crowd struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	pools sync.RWMutex // held for reading while a query runs, so that a change of pools cuts none
	pool  *pgxpool.Pool

	mu      sync.Mutex // guards what follows
	queries []query
	last    [workers]query // of each worker
}

func gather(ctx context.Context, pool *pgxpool.Pool) *crowd {
	ctx, cancel := context.WithCancel(ctx)
	c := &crowd{cancel: cancel, pool: pool}
	for i := range workers {
		c.done.Go(func() { c.work(ctx, i) })
	}
	return c
}

func (c *crowd) work(ctx context.Context, i int) {
	const period = workers * time.Second / rate
	// The workers start one after the other, so that some query is always under way.
	for due := time.Now().Add(period * time.Duration(i) / workers); ; due = due.Add(period) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(due)): // this is the rate; nothing waits for an event here
		}
		q := c.query(ctx)
		if ctx.Err() != nil {
			return
		}
		if q.ended.After(due.Add(period)) {
			due = q.ended // what it missed it does not make up for
		}
		c.mu.Lock()
		c.queries = append(c.queries, q)
		c.last[i] = q
		c.mu.Unlock()
	}
}

// query takes the server five milliseconds.
func (c *crowd) query(ctx context.Context) (q query) {
	c.pools.RLock()
	defer c.pools.RUnlock()
	q.began = time.Now()
	q.err = c.pool.QueryRow(ctx, "select session_user::text from pg_sleep(0.005)").Scan(&q.user)
	q.ended = time.Now()
	return q
}

// use gives the crowd another pool and closes the old one.
func (c *crowd) use(pool *pgxpool.Pool) {
	c.pools.Lock()
	old := c.pool
	c.pool = pool
	c.pools.Unlock()
	old.Close()
}

func (c *crowd) disperse() {
	c.cancel()
	c.done.Wait()
	c.pool.Close()
}

// take returns the queries that have ended since it was called last.
func (c *crowd) take() []query {
	c.mu.Lock()
	defer c.mu.Unlock()
	queries := c.queries
	c.queries = nil
	return queries
}

// well reports whether the newest query of each worker began after a moment and
// succeeded, as another user than the old one.
func (c *crowd) well(since time.Time, old string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range c.last {
		if q.err != nil || !q.began.After(since) || q.user == old {
			return false
		}
	}
	return true
}

// Command shop queries a database all the time, in one of the ways that Go has for it. It has
// a module of its own, which takes keepcurrent as a program does that is not a fork: it
// requires the module keepcurrent.example and replaces it by a copy.
//
// shop WAY has four workers. A line of JSON on standard output says how each query went. It
// ends with its standard input.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"keepcurrent.example/consumer"
)

const workers = 4

// answer is how one query went.
type answer struct {
	Worker int    `json:"worker"`
	Began  int64  `json:"began"` // in milliseconds
	User   string `json:"user,omitempty"`
	Error  string `json:"error,omitempty"` // SQLSTATE, or a text
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var way string
	if len(os.Args) > 1 {
		way = os.Args[1]
	}
	open, known := ways[way]
	if !known {
		return fmt.Errorf("say a way, not %q", way)
	}
	pool, err := openPool(ctx)
	if err != nil {
		return err
	}
	query, err := open(pool)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	lines := make(chan answer)
	var working sync.WaitGroup
	for worker := range workers {
		working.Go(func() { work(ctx, worker, query, lines) })
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
		working.Wait()
		close(lines)
	}()
	out := json.NewEncoder(os.Stdout)
	for line := range lines {
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	pool.Close()
	return nil
}

func work(ctx context.Context, worker int, query query, lines chan<- answer) {
	for ctx.Err() == nil {
		a := answer{Worker: worker, Began: time.Now().UnixMilli()}
		user, err := query(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.Error = errorOf(err)
		default:
			a.User = user
		}
		lines <- a
		time.Sleep(20 * time.Millisecond) // between two queries of a worker
	}
}

func errorOf(err error) string {
	var answer *pgconn.PgError
	var ours *consumer.Error
	switch {
	case errors.As(err, &answer):
		return answer.Code
	case errors.As(err, &ours) && ours.SQLState != "":
		return ours.SQLState
	}
	return err.Error()
}

// openPool opens the pool that all ways use.
func openPool(ctx context.Context) (*pgxpool.Pool, error) {
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	source := &consumer.Source{
		Client:   secretsmanager.NewFromConfig(settings),
		SecretID: os.Getenv("DATABASE_SECRET_ID"),
		Key:      os.Getenv("KEY"),
		Lifetime: milliseconds("LIFETIME"),
		Wait:     milliseconds("WAIT"),
	}
	poolConfig, err := source.PoolConfig(ctx)
	if err != nil {
		return nil, err
	}
	poolConfig.MaxConns = 5
	return pgxpool.NewWithConfig(ctx, poolConfig)
}

// milliseconds returns a duration of the environment; without one 0, which is the default.
func milliseconds(name string) time.Duration {
	n, _ := strconv.Atoi(os.Getenv(name))
	return time.Duration(n) * time.Millisecond
}

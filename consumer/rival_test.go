package consumer_test

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"keepcurrent.example/consumer"
)

// way is one way for a workload to read the secret.
type way struct {
	name string
	open func(context.Context, *stage) (*pgxpool.Pool, error)
	// restarts says that the workload is started anew when AWSCURRENT moves.
	restarts bool
}

const lifetime = 200 * time.Millisecond

// ours is this package. The lifetime is short so that a test need not wait for it.
var ours = way{name: "this package", open: func(ctx context.Context, s *stage) (*pgxpool.Pool, error) {
	source := &consumer.Source{Client: s.AWS, SecretID: s.secret, Lifetime: lifetime}
	config, err := source.PoolConfig(ctx)
	if err != nil {
		return nil, err
	}
	config.MaxConns = connections
	return pgxpool.NewWithConfig(ctx, config)
}}

// rivals are what workloads do without it.
var rivals = []way{
	{name: "aws-secretsmanager-caching-go v2.2.0", open: func(ctx context.Context, s *stage) (*pgxpool.Pool, error) {
		cache, err := secretcache.New(func(c *secretcache.Cache) { c.Client = s.AWS })
		if err != nil {
			return nil, err
		}
		return reading(ctx, func(ctx context.Context) (string, error) { return cache.GetSecretStringWithContext(ctx, s.secret) })
	}},
	{name: "read once", open: readOnce},
	{name: "read once, restarted in no time", open: readOnce, restarts: true},
}

func readOnce(ctx context.Context, s *stage) (*pgxpool.Pool, error) {
	url, err := s.Value(ctx, s.secret)
	if err != nil {
		return nil, err
	}
	return reading(ctx, func(context.Context) (string, error) { return url, nil })
}

// reading makes a pool that asks for the URL for each new connection.
func reading(ctx context.Context, read func(context.Context) (string, error)) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig("postgres://secret@127.0.0.1/secret?sslmode=require")
	if err != nil {
		return nil, err
	}
	config.MaxConns = connections
	config.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) error {
		url, err := read(ctx)
		if err != nil {
			return err
		}
		fresh, err := pgx.ParseConfig(url)
		if err != nil {
			return errors.New("the secret has no connection URL")
		}
		c.Config = fresh.Config
		return nil
	}
	return pgxpool.NewWithConfig(ctx, config)
}

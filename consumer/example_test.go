package consumer_test

import (
	"context"
	"errors"
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"keepcurrent.example/consumer"
)

func Example() {
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	source := &consumer.Source{
		Client:   secretsmanager.NewFromConfig(settings),
		SecretID: "heroku/shop/DATABASE_URL",
	}
	poolConfig, err := source.PoolConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	poolConfig.MaxConns = 8
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	var now time.Time
	if err := pool.QueryRow(ctx, "select now()").Scan(&now); err != nil {
		log.Fatal(err)
	}
	db := stdlib.OpenDBFromPool(pool) // for what wants a *sql.DB
	defer db.Close()
}

// The secret of a service holds many keys; the pool follows one of them.
func ExampleSource_key() {
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	source := &consumer.Source{
		Client:   secretsmanager.NewFromConfig(settings),
		SecretID: "shop/settings",
		Key:      "DATABASE_URL",
	}
	poolConfig, err := source.PoolConfig(ctx)
	if errors.Is(err, consumer.ErrKey) {
		log.Fatal(err) // it names the keys that the secret has
	}
	_ = poolConfig // pgxpool.NewWithConfig takes it
}

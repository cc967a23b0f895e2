// Command lambda is a Lambda function that queries a database. Its pool is made once and
// outlives the invocations of its environment.
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/jackc/pgx/v5/pgxpool"

	"keepcurrent.example/consumer"
)

func main() {
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	wait, _ := time.ParseDuration(os.Getenv("WAIT")) // without one 0, which is the default
	source := &consumer.Source{
		Client:   secretsmanager.NewFromConfig(settings),
		SecretID: os.Getenv("DATABASE_SECRET_ID"),
		Wait:     wait,
	}
	poolConfig, err := source.PoolConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	poolConfig.MaxConns = 1 // an environment works on one invocation at a time
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(func(ctx context.Context) (user string, err error) {
		err = pool.QueryRow(ctx, "select session_user").Scan(&user)
		return user, err
	})
}

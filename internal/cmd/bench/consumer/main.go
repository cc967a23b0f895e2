// Consumer is a workload that was restarted: it reads a secret, logs in with its value,
// prints how long each took in nanoseconds, and ends.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/jackc/pgx/v5"
)

func main() {
	if err := work(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "consumer:", err)
		os.Exit(1)
	}
}

func work(ctx context.Context, secret string) error {
	conf, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	out, err := secretsmanager.NewFromConfig(conf).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &secret})
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, *out.SecretString)
	if err != nil {
		return err
	}
	fmt.Println(time.Since(began).Nanoseconds())
	return conn.Close(ctx)
}

// Poller is the Lambda function on the schedule: it looks at every binding and
// repairs what the webhook missed.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"keepcurrent.example/internal/setup"
)

func main() {
	parts, err := setup.FromEnvironment(context.Background())
	if err != nil {
		slog.New(slog.NewJSONHandler(os.Stdout, nil)).Error("the poller cannot start", "error", err.Error())
		os.Exit(1)
	}
	h := &handler{keeper: *parts.Keeper, log: parts.Log}
	if parts.Desk != nil {
		h.subscriptions.desk = parts.Desk
	}
	lambda.Start(setup.Guard(parts, h.handle))
}

// Poller is the Lambda function on the schedule: it looks at every binding and
// repairs what the webhook missed.
package main

import (
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"keepcurrent.example/internal/metric"
	"keepcurrent.example/internal/setup"
)

func main() {
	parts, err := setup.FromEnvironment()
	if err != nil {
		slog.New(slog.NewJSONHandler(os.Stdout, nil)).Error("the poller cannot start", "error", err.Error())
		os.Exit(1)
	}
	h := &handler{
		keeper:        *parts.Keeper,
		subscriptions: subscriptions{period: parts.Period},
		period:        parts.Period,
		remaining:     parts.Accounts.Remaining,
		log:           parts.Log,
		metrics:       metric.Stdout(),
	}
	if parts.Desk != nil {
		h.subscriptions.desk = func(token string) desk { return parts.Desk(token) }
		h.subscriptions.spare = func(token string) bool { return parts.Accounts.Of(token).Spare() }
	}
	lambda.Start(setup.Guard(parts, h.handle))
}

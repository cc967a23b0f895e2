// Poller is the Lambda function on the schedule. It checks every binding, publishes what the
// webhook function missed, and keeps the webhooks of the apps right. It also answers a
// person's dry run, and removes the webhook of an app on request. docs/reference.md describes
// its events, its report and its environment; they are a contract.
package main

import (
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"golang.org/x/time/rate"

	"keepcurrent.example/internal/report"
	"keepcurrent.example/internal/setup"
)

// pace is how many writes a second the poller makes at most. AWS accepts 50; that leaves
// some for the webhook when a maintenance changes all URLs at once.
const pace = 40

func main() {
	parts, err := setup.FromEnvironment()
	if err != nil {
		slog.New(slog.NewJSONHandler(os.Stdout, nil)).Error("the poller cannot start", "error", err.Error())
		os.Exit(1)
	}
	parts.Secrets.Pace = rate.NewLimiter(pace, 1)
	parts.Reconciler.Secrets = parts.Secrets
	h := &handler{
		reconciler: *parts.Reconciler,
		webhooks:   parts.Webhooks,
		period:     parts.Period,
		remaining:  parts.Accounts.Remaining,
		log:        parts.Log,
		metrics:    report.Stdout(),
	}
	lambda.Start(setup.RecoverPanic(parts, h.handle))
}

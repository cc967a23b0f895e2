// Poller is the Lambda function on the schedule: it checks every binding, repairs what
// the webhook missed, and keeps the subscriptions of the apps. The README describes its
// events, its report and its environment; they are a contract.
package main

import (
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"keepcurrent.example/internal/report"
	"keepcurrent.example/internal/secrets"
	"keepcurrent.example/internal/setup"
)

// pace spaces out the poller's writes. AWS accepts 50 a second; the poller makes at most
// 40, which leaves some for the webhook when a maintenance changes all URLs at once.
const pace = time.Second / 40

func main() {
	parts, err := setup.FromEnvironment()
	if err != nil {
		slog.New(slog.NewJSONHandler(os.Stdout, nil)).Error("the poller cannot start", "error", err.Error())
		os.Exit(1)
	}
	parts.Secrets.Pace = &secrets.Pace{Every: pace}
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

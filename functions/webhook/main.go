// Webhook is the Lambda function behind the HTTP API. Heroku tells it that an app has a new
// release, and it updates the app's bindings. It also takes the calls of consumers from a
// queue: a consumer whose credential is refused names its secret, and the function updates the
// bindings of that secret. docs/reference.md describes requests, answers, calls and
// environment; they are a contract.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"keepcurrent.example/internal/report"
	"keepcurrent.example/internal/setup"
)

const (
	// keepList is how long a warm container trusts its list of bound secrets.
	keepList = 5 * time.Minute
	// patience is how long a run asks Heroku again while it shows nothing new. An HTTP
	// API waits 30 s for the function.
	patience = 10 * time.Second
)

func main() {
	parts, err := setup.FromEnvironment()
	if err != nil {
		slog.New(slog.NewJSONHandler(os.Stdout, nil)).Error("the webhook cannot start", "error", err.Error())
		os.Exit(1)
	}
	parts.Reconciler.Patience = patience
	bindings := &directory{First: parts.Secrets.First, ForApps: parts.Secrets.ForApps, Keep: keepList}
	// A container starts because a request has arrived. While Lambda passes it on, read
	// what every run needs. A run that comes first waits for these reads, and reads again
	// if they failed.
	parts.WarmUp()
	setup.Prefetch(
		func(ctx context.Context) error { _, err := parts.SigningKeys.Values(ctx); return err },
		parts.Accounts.ForToken("").Ready,
		bindings.Prefetch,
	)
	h := &handler{
		keys:       parts.SigningKeys,
		bindings:   bindings,
		reconciler: parts.Reconciler,
		remaining:  parts.Accounts.Remaining,
		log:        parts.Log,
		metrics:    report.Stdout(),
	}
	c := &calls{
		describe:   parts.Secrets.Describe,
		spare:      func(tokenSecretID string) bool { return parts.Accounts.ForToken(tokenSecretID).Spare() },
		reconciler: *parts.Reconciler,
		log:        parts.Log,
		metrics:    report.Stdout(),
	}
	c.reconciler.Patience = 0
	lambda.Start(setup.RecoverPanic(parts, dispatch(h, c)))
}

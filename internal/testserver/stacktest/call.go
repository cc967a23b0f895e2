package stacktest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/aws/aws-lambda-go/events"

	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/eventstest"
)

const (
	batchSize     = 10 // most messages of a batch, as in the template
	parallelCalls = 2  // MaximumConcurrency of the template
)

// Call tells the webhook that a server has refused the credential in a version of a secret,
// as often as times says, and returns when all of it is answered. It fails if an invocation
// does.
//
// What it keeps of EventBridge, SQS and Lambda's event source: each call is an event in a
// message of its own, a batch has at most ten messages, and at most two batches are with the
// webhook at a time, whose processes also answer Heroku's deliveries.
//
// What it does not keep: the rule, whose pattern the tests of the template check, and the
// rights; the time that AWS takes in between; a queue that hands a message over twice, in
// another order or in smaller batches, and forgets it after a minute. A batch that failed is
// not handed over again.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events.html
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
func (s *Stack) Call(ctx context.Context, secret, version string, times int) error {
	detail, err := json.Marshal(map[string]string{"secret": secret, "version": version})
	if err != nil {
		return err
	}
	messages := make([]events.SQSMessage, times)
	for i := range messages {
		if messages[i], err = eventstest.Message(eventstest.NewEvent("keepcurrent.consumer", "Credential Refused", detail)); err != nil {
			return err
		}
	}
	var (
		mu   sync.Mutex // guards errs
		errs []error
	)
	reconcile.Parallel(parallelCalls, slices.Chunk(messages, batchSize), func(batch []events.SQSMessage) {
		payload, err := json.Marshal(events.SQSEvent{Records: batch})
		if err == nil {
			_, err = s.Webhook.Invoke(ctx, payload)
		}
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	})
	return errors.Join(errs...)
}

package stacktest

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"keepcurrent.example/internal/reconcile"
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
	messages := make([]events.SQSMessage, times)
	for i := range messages {
		messages[i] = message(i, secret, version)
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

// message returns a message of the queue with a consumer's event.
func message(number int, secret, version string) events.SQSMessage {
	now := time.Now()
	event, _ := json.Marshal(map[string]any{ // strings always encode
		"version":     "0",
		"id":          fmt.Sprintf("eeeeeeee-0000-4000-8000-%012d", number),
		"detail-type": "Credential Refused",
		"source":      "keepcurrent.consumer",
		"account":     "123456789012",
		"time":        now.UTC().Format(time.RFC3339),
		"region":      "us-east-1",
		"resources":   []string{},
		"detail":      map[string]string{"secret": secret, "version": version},
	})
	sum := md5.Sum(event)
	at := strconv.FormatInt(now.UnixMilli(), 10)
	return events.SQSMessage{
		MessageId:     fmt.Sprintf("11111111-0000-4000-8000-%012d", number),
		ReceiptHandle: "EXAMPLE",
		Body:          string(event),
		Md5OfBody:     hex.EncodeToString(sum[:]),
		Attributes: map[string]string{
			"ApproximateReceiveCount": "1", "SenderId": "AIDAEXAMPLE",
			"SentTimestamp": at, "ApproximateFirstReceiveTimestamp": at,
		},
		MessageAttributes: map[string]events.SQSMessageAttribute{},
		EventSource:       "aws:sqs",
		EventSourceARN:    "arn:aws:sqs:us-east-1:123456789012:keepcurrent-CallQueue-EXAMPLE",
		AWSRegion:         "us-east-1",
	}
}

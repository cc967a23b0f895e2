// Package eventstest is a test server for the default event bus of EventBridge, and for what
// takes a consumer's call from there to the webhook function: a rule, a queue of SQS, and
// Lambda, which invokes the function with a batch of the queue.
//
// Each event is delivered at once, in a batch of its own. The rule matches the whole values
// of source and detail-type; an event that it does not match is an error. Signatures and
// policies are not checked.
package eventstest

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"keepcurrent.example/internal/testserver/uuid"
)

const (
	account = "123456789012"
	region  = "us-east-1"
)

// Invoke invokes a function with a payload.
type Invoke func(ctx context.Context, payload []byte) ([]byte, error)

// Bus is a running event bus.
type Bus struct {
	URL string // of EventBridge's API

	invoke     Invoke
	server     *httptest.Server
	deliveries sync.WaitGroup

	mu     sync.Mutex // guards what follows
	events []Event
	errs   []error
}

// Event is what a consumer has put on the bus, as the rule matches it
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html).
type Event struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       string          `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// Start starts a bus whose rule leads to a function.
func Start(invoke Invoke) *Bus {
	b := &Bus{invoke: invoke}
	b.server = httptest.NewServer(b)
	b.URL = b.server.URL
	return b
}

// Close waits for the deliveries. It fails if a request was invalid or an invocation failed.
func (b *Bus) Close() error {
	b.server.Close()
	b.deliveries.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return errors.Join(b.errs...)
}

// Events returns what was put on the bus and matched the rule.
func (b *Bus) Events() []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Event(nil), b.events...)
}

func (b *Bus) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.errs = append(b.errs, err)
}

// ServeHTTP answers PutEvents
// (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html).
func (b *Bus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Entries []struct{ Source, DetailType, Detail, EventBusName string }
	}
	err := json.NewDecoder(r.Body).Decode(&request)
	if target := r.Header.Get("X-Amz-Target"); err != nil || target != "AWSEvents.PutEvents" || len(request.Entries) == 0 || len(request.Entries) > 10 {
		b.fail(fmt.Errorf("eventstest: a request for %q, Content-Type %q, with %d entries: %v", target, r.Header.Get("Content-Type"), len(request.Entries), err))
		http.Error(w, `{"__type":"ValidationException"}`, http.StatusBadRequest)
		return
	}
	type result struct{ EventId string }
	answer := struct {
		FailedEntryCount int
		Entries          []result
	}{}
	for _, entry := range request.Entries {
		event := NewEvent(entry.Source, entry.DetailType, json.RawMessage(entry.Detail))
		answer.Entries = append(answer.Entries, result{event.ID})
		b.put(event, entry.EventBusName)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(answer)
}

func (b *Bus) put(event Event, bus string) {
	message, err := Message(event)
	switch {
	case err != nil: // a detail that is not JSON
		b.fail(fmt.Errorf("eventstest: %w", err))
	case bus != "" && bus != "default" || event.Source != "keepcurrent.consumer" || event.DetailType != "Credential Refused":
		b.fail(fmt.Errorf("eventstest: no rule matches %q, %q on the bus %q", event.Source, event.DetailType, bus))
	default:
		b.mu.Lock()
		b.events = append(b.events, event)
		b.mu.Unlock()
		b.deliveries.Go(func() { b.deliver(message) })
	}
}

// deliver invokes the function as Lambda does for a queue.
func (b *Bus) deliver(message events.SQSMessage) {
	payload, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{message}})
	if err == nil {
		_, err = b.invoke(context.Background(), payload)
	}
	if err != nil {
		b.fail(fmt.Errorf("eventstest: %w", err))
	}
}

// NewEvent returns an event that happens now, with an id of its own.
func NewEvent(source, detailType string, detail json.RawMessage) Event {
	return Event{
		Version: "0", ID: uuid.New(), DetailType: detailType, Source: source, Account: account,
		Time: time.Now().UTC().Format(time.RFC3339), Region: region, Resources: []string{}, Detail: detail,
	}
}

// Message returns an event in a message of the queue, as Lambda hands it to the function
// (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event).
// It fails if the event's detail is not JSON.
func Message(event Event) (events.SQSMessage, error) {
	body, err := json.Marshal(event)
	if err != nil {
		return events.SQSMessage{}, err
	}
	sum, now := md5.Sum(body), fmt.Sprint(time.Now().UnixMilli())
	return events.SQSMessage{
		MessageId: uuid.New(), ReceiptHandle: "EXAMPLE", Body: string(body), Md5OfBody: hex.EncodeToString(sum[:]),
		Attributes: map[string]string{
			"ApproximateReceiveCount": "1", "SentTimestamp": now, "SenderId": "EXAMPLE", "ApproximateFirstReceiveTimestamp": now,
		},
		MessageAttributes: map[string]events.SQSMessageAttribute{},
		EventSource:       "aws:sqs", EventSourceARN: "arn:aws:sqs:" + region + ":" + account + ":keepcurrent-calls", AWSRegion: region,
	}, nil
}

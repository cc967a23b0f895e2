package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/report"
)

// A consumer whose credential is refused calls by an event on the account's default event
// bus, which a rule of the template puts into a queue, from which Lambda hands batches to
// this function
// (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html). The event is a hint and never
// data: all that it can bring about is an update of a secret that is bound anyway. It is
// never an error, since a consumer that is still refused calls again.
const (
	callSource = "keepcurrent.consumer"
	callType   = "Credential Refused"
)

const (
	// minPause is the least time between two updates of one secret that consumers called for.
	// It doubles up to maxPause while the same version is refused: then Heroku has nothing
	// better. After twice maxPause it starts over.
	minPause = 10 * time.Second
	maxPause = 5 * time.Minute
	// tokenPause is how long no consumer's call uses a token that Heroku has refused.
	tokenPause = 5 * time.Minute
	// maxSecretID is the length that AWS takes
	// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html).
	// Lines in the log name the secret, and an event can hold much more.
	maxSecretID = 2048
	// maxAnswered bounds the calls that are remembered, whatever somebody puts on the bus.
	maxAnswered = 1000
	// parallelCalls is how many secrets of a batch are updated at once.
	parallelCalls = 4
)

// call says that a server refused the credential in a version of a secret.
type call struct {
	Secret  string `json:"secret"` // ARN or name
	Version string `json:"version"`
}

var errCall = errors.New("the message is no call of a consumer")

// parseCall reads a message of the queue, which is an event of EventBridge.
func parseCall(message events.SQSMessage) (c call, err error) {
	var event struct {
		Source string `json:"source"`
		Type   string `json:"detail-type"`
		Detail call   `json:"detail"`
	}
	err = json.Unmarshal([]byte(message.Body), &event)
	if err != nil || message.EventSource != "aws:sqs" || event.Source != callSource || event.Type != callType ||
		!reconcile.IsSecretID(event.Detail.Secret) || !isOurs(event.Detail.Secret, message.EventSourceARN) || len(event.Detail.Secret) > maxSecretID || event.Detail.Version == "" {
		return c, errCall
	}
	return event.Detail, nil
}

// isOurs reports whether a secret is of the account and Region of the queue. Another
// account could let us see a secret whose tags it has chosen.
func isOurs(secretID, queueARN string) bool {
	secret, queue := strings.Split(secretID, ":"), strings.Split(queueARN, ":")
	return secret[0] != "arn" || len(secret) > 4 && len(queue) > 4 && slices.Equal(secret[3:5], queue[3:5])
}

// calls answers consumers.
type calls struct {
	describe   func(ctx context.Context, secretID string) (reconcile.Secret, error)
	spare      func(tokenSecretID string) bool // whether an account has requests beside its reserve
	reconciler reconcile.Reconciler            // without patience
	log        func(ctx context.Context, trigger string) *slog.Logger
	metrics    report.Writer

	mu       sync.Mutex // guards what follows
	answered map[call]time.Time
	updated  map[string]updated
	refused  map[string]time.Time // when Heroku refused a token, by its secret
}

// updated is the last update of a secret that consumers called for.
type updated struct {
	version string // that was refused
	at      time.Time
	pause   time.Duration // until the next
}

// answer updates the secrets of a batch, each once however often it is called for.
func (c *calls) answer(ctx context.Context, messages []events.SQSMessage) {
	log := c.log(ctx, "consumer")
	ctx, cancel := withMargin(ctx) // a process that Lambda kills forgets what it has updated
	defer cancel()
	var all []call
	odd := 0
	for _, message := range messages {
		if called, err := parseCall(message); err != nil {
			odd++
		} else if !c.isKnown(called) {
			all = append(all, called)
		}
	}
	if odd > 0 {
		log.Warn("messages that are no call of a consumer", "messages", odd)
	}
	var mu sync.Mutex // guards failed
	var failed []error
	reconcile.Parallel(parallelCalls, slices.Values(all), func(called call) {
		err := credential.RecoverPanic(func() error { return c.one(ctx, log, called) })
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, fmt.Errorf("secret %s: %w", called.Secret, err))
		}
	})
	if len(failed) > 0 { // one line for a batch: anybody who may put events can fill it
		log.Warn("consumers' calls have failed", "calls", len(failed), "error", reconcile.Text(failed[0]), "stack", credential.StackOf(failed[0]))
	}
}

// isKnown reports whether the same call was answered a moment ago, and notes it: a fleet
// calls a thousand times, and each answer costs a request to AWS.
func (c *calls) isKnown(called call) bool {
	now := time.Now().Round(0)
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, known := c.answered[called]; known && now.Sub(at) < minPause && !now.Before(at) {
		return true
	}
	if c.answered == nil || len(c.answered) >= maxAnswered {
		c.answered = make(map[call]time.Time)
	}
	c.answered[called] = now
	return false
}

// one brings a secret up to date, if AWSCURRENT is still what was refused.
func (c *calls) one(ctx context.Context, log *slog.Logger, called call) error {
	secret, err := c.describe(ctx, called.Secret)
	if err != nil {
		return err
	}
	if secret.Tags[reconcile.AppTag] == "" || secret.Current != called.Version {
		log.Debug("a consumer's call: not bound, or updated already", "secret", secret.Name)
		return nil
	}
	bindings, err := reconcile.ParseBindings(secret)
	if err != nil {
		return err
	}
	token := bindings[0].TokenSecretID
	if why := c.tooSoon(secret, token, time.Now().Round(0)); why != "" { // by the wall clock, which a freeze does not stop
		log.Debug("a consumer's call: "+why, "secret", secret.Name)
		return nil
	}
	results := c.reconciler.Update(ctx, bindings)
	for _, r := range results {
		r.Log(ctx, log)
		if errors.Is(r.Err, reconcile.ErrToken) {
			c.refuse(token)
		}
	}
	set := report.Measure(results)
	set.Add("CalledByConsumer", 1)
	c.metrics.Write(set)
	return nil
}

// tooSoon returns why a secret is not updated now, "" if it is, which it notes.
func (c *calls) tooSoon(secret reconcile.Secret, token string, now time.Time) (why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.updated[secret.ARN]
	switch at, isRefused := c.refused[token]; {
	case now.Sub(last.at) < last.pause && !now.Before(last.at):
		return "it was updated a moment ago"
	case isRefused && now.Sub(at) < tokenPause:
		return "Heroku has refused the token"
	case !c.spare(token):
		return "what is left of the account's requests is its reserve"
	}
	next := updated{version: secret.Current, at: now, pause: minPause}
	if last.version == secret.Current && now.Sub(last.at) < 2*maxPause {
		next.pause = min(2*last.pause, maxPause)
	}
	if c.updated == nil {
		c.updated = make(map[string]updated)
	}
	c.updated[secret.ARN] = next
	return ""
}

// refuse notes that Heroku refuses a token.
func (c *calls) refuse(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = make(map[string]time.Time)
	}
	c.refused[token] = time.Now().Round(0)
}

// event is what invokes the function: a request of the HTTP API, or a batch of a queue.
type event struct {
	events.APIGatewayV2HTTPRequest
	Records []events.SQSMessage `json:"Records"`
}

// dispatch tells the kinds of event apart.
func dispatch(h *handler, c *calls) func(context.Context, event) (events.APIGatewayV2HTTPResponse, error) {
	return func(ctx context.Context, e event) (events.APIGatewayV2HTTPResponse, error) {
		if len(e.Records) > 0 {
			c.answer(ctx, e.Records)
			return events.APIGatewayV2HTTPResponse{StatusCode: 204}, nil // nobody reads it
		}
		return h.handle(ctx, e.APIGatewayV2HTTPRequest)
	}
}

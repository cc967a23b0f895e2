package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/report"
)

// exchange is what calls can reach: secrets that are equal to what Heroku shows.
type exchange struct {
	spare        bool
	err          error // Heroku's
	log, metrics logbook

	mu    sync.Mutex // guards what follows
	asked []string
}

// logbook takes lines from several goroutines.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (x *exchange) calls() *calls {
	log := slog.New(slog.NewTextHandler(&x.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	keys := &credential.Ring{Read: func(context.Context) ([]credential.Value, error) {
		return []credential.Value{credential.New("key-EXAMPLE")}, nil
	}}
	return &calls{
		describe:   x.Describe,
		spare:      func(string) bool { return x.spare },
		reconciler: reconcile.Reconciler{Secrets: x, Heroku: func(string) reconcile.Heroku { return x }, Database: x, Keys: keys},
		log:        func(context.Context, string) *slog.Logger { return log },
		metrics:    report.Writer{Out: &x.metrics},
	}
}

func (x *exchange) Describe(_ context.Context, id string) (reconcile.Secret, error) {
	tags := map[string]string{reconcile.AppTag: "shop", reconcile.FormatTag: "url"}
	switch id {
	case "gone":
		return reconcile.Secret{}, reconcile.ErrNoSecret
	case "unbound":
		tags = nil
	case "several":
		tags[reconcile.FormatTag], tags[reconcile.ConfigVarTag] = "key", "A_URL B_URL"
	case "odd":
		tags[reconcile.FormatTag] = "xml"
	case "panics":
		panic("postgres://u:pEXAMPLE@h/d")
	}
	return reconcile.Secret{ARN: id, Name: id, Tags: tags, Current: "v1"}, nil
}

func (x *exchange) ConfigVars(_ context.Context, app string) (map[string]credential.Value, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.asked = append(x.asked, app)
	return map[string]credential.Value{"DATABASE_URL": credential.New("postgres://u1:pEXAMPLE@h/d1")}, x.err
}

func (x *exchange) Read(context.Context, string, string) (credential.Value, error) {
	return credential.New("postgres://u1:pEXAMPLE@h/d1?sslmode=require"), nil
}

func (x *exchange) Spare() bool { return x.spare }
func (x *exchange) Credentials(context.Context, string) (map[string]reconcile.Credential, error) {
	return nil, nil
}

func (x *exchange) Released(context.Context, string) (time.Time, error) { return time.Time{}, nil }
func (x *exchange) List(context.Context) ([]reconcile.Secret, error)    { return nil, errAway }
func (x *exchange) Login(context.Context, connection.URL, string) error { return nil }
func (x *exchange) Swap(context.Context, string, string, string) error  { return errAway }
func (x *exchange) Stage(context.Context, string, string, credential.Value) (bool, error) {
	return false, errAway
}

const queueARN = "arn:aws:sqs:eu-west-1:123456789012:calls"

// message is a consumer's call as it arrives.
func message(secret, version string) events.SQSMessage {
	body, _ := json.Marshal(map[string]any{
		"version": "0", "id": "1", "detail-type": callType, "source": callSource, "account": "123456789012", "region": "eu-west-1",
		"detail": map[string]string{"secret": secret, "version": version},
	})
	return events.SQSMessage{EventSource: "aws:sqs", EventSourceARN: queueARN, Body: string(body)}
}

func TestACallUpdatesASecretThatStillHoldsWhatWasRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		messages []events.SQSMessage
		asked    int // of Heroku
		says     string
	}{
		"bound, and AWSCURRENT is what was refused": {[]events.SQSMessage{message("a", "v1")}, 1, "unchanged"},
		"a whole fleet":            {slices.Repeat([]events.SQSMessage{message("a", "v1")}, 10), 1, "unchanged"},
		"two secrets":              {[]events.SQSMessage{message("a", "v1"), message("b", "v1")}, 2, "unchanged"},
		"a newer version is there": {[]events.SQSMessage{message("a", "v0")}, 0, "updated already"},
		"not bound":                {[]events.SQSMessage{message("unbound", "v1")}, 0, "not bound"},
		"no such secret":           {[]events.SQSMessage{message("gone", "v1")}, 0, "no such secret"},
		"an invalid tag":           {[]events.SQSMessage{message("odd", "v1")}, 0, "heroku:format"},
		"a panic":                  {[]events.SQSMessage{message("panics", "v1")}, 0, "a panic of type string"},
		"not JSON":                 {[]events.SQSMessage{{EventSource: "aws:sqs", Body: "{"}}, 0, "no call of a consumer"},
		"of another queue":         {[]events.SQSMessage{{EventSource: "aws:s3", Body: message("a", "v1").Body}}, 0, "no call of a consumer"},
		"another source":           {[]events.SQSMessage{{EventSource: "aws:sqs", Body: strings.Replace(message("a", "v1").Body, callSource, "x", 1)}}, 0, "no call of a consumer"},
		"another type":             {[]events.SQSMessage{{EventSource: "aws:sqs", Body: strings.Replace(message("a", "v1").Body, callType, "x", 1)}}, 0, "no call of a consumer"},
		"no version":               {[]events.SQSMessage{message("a", "")}, 0, "no call of a consumer"},
		"another account's secret": {[]events.SQSMessage{message("arn:aws:secretsmanager:eu-west-1:210987654321:secret:a", "v1")}, 0, "no call of a consumer"},
		"another Region's secret":  {[]events.SQSMessage{message("arn:aws:secretsmanager:us-east-1:123456789012:secret:a", "v1")}, 0, "no call of a consumer"},
		"an ARN, and no queue":     {[]events.SQSMessage{{EventSource: "aws:sqs", Body: message("arn:aws:secretsmanager:eu-west-1:123456789012:secret:a", "v1").Body}}, 0, "no call of a consumer"},
		"an ARN, and half a queue": {[]events.SQSMessage{{EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:eu-west-1", Body: message("arn:aws:secretsmanager:eu-west-1:123456789012:secret:a", "v1").Body}}, 0, "no call of a consumer"},
		"our own secret's ARN":     {[]events.SQSMessage{message("arn:aws:secretsmanager:eu-west-1:123456789012:secret:a", "v1")}, 1, "unchanged"},
		"a name that is none":      {[]events.SQSMessage{message("a b", "v1")}, 0, "no call of a consumer"},
		"a name without an end":    {[]events.SQSMessage{message(strings.Repeat("a", 2049), "v1")}, 0, "no call of a consumer"},
		"a credential for a name":  {[]events.SQSMessage{message("postgres://u:pEXAMPLE@h/d", "v1")}, 0, "no call of a consumer"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := &exchange{spare: true}
			x.calls().answer(t.Context(), tt.messages)
			if len(x.asked) != tt.asked || !strings.Contains(x.log.String(), tt.says) || strings.Contains(x.log.String(), "EXAMPLE") {
				t.Errorf("Heroku was asked %d times, the log says:\n%s", len(x.asked), &x.log)
			}
			if n := strings.Count(x.metrics.String(), `"CalledByConsumer":[1]`); n != tt.asked {
				t.Errorf("counted %d", n)
			}
		})
	}
}

func TestASecretIsUpdatedForConsumersLessAndLessOftenWhileNothingChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := &exchange{spare: true}
		c := x.calls()
		began := time.Now()
		var at []time.Duration
		for range 3600 {
			before := len(x.asked)
			c.answer(t.Context(), []events.SQSMessage{message("a", "v1")})
			if len(x.asked) > before {
				at = append(at, time.Since(began))
			}
			time.Sleep(time.Second)
		}
		if fmt.Sprint(at[:6]) != "[0s 10s 30s 1m10s 2m30s 5m10s]" || len(at) > 17 {
			t.Errorf("%d updates in an hour, at %v", len(at), at)
		}
	})
}

func TestThePauseStartsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := &exchange{spare: true}
		c := x.calls()
		for range 1000 {
			c.answer(t.Context(), []events.SQSMessage{message("a", "v1")})
			time.Sleep(time.Second)
		}
		time.Sleep(2 * maxPause)
		before := len(x.asked)
		c.answer(t.Context(), []events.SQSMessage{message("a", "v1")})
		time.Sleep(minPause)
		c.answer(t.Context(), []events.SQSMessage{message("a", "v1")})
		if len(x.asked) != before+2 {
			t.Errorf("%d updates", len(x.asked)-before)
		}
	})
}

func TestACallNeverUsesTheReserveOrARefusedToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := &exchange{}
		c := x.calls()
		c.answer(t.Context(), []events.SQSMessage{message("a", "v1")})
		if len(x.asked) > 0 {
			t.Error("it used the reserve")
		}
		x.spare, x.err = true, errors.Join(reconcile.ErrToken)
		for i := range 100 {
			c.answer(t.Context(), []events.SQSMessage{message(fmt.Sprint("s", i), "v1")})
			time.Sleep(time.Second)
		}
		if len(x.asked) != 1 {
			t.Errorf("a refused token was used %d times", len(x.asked))
		}
		time.Sleep(tokenPause)
		c.answer(t.Context(), []events.SQSMessage{message("a", "v1")})
		if len(x.asked) != 2 {
			t.Error("it is never used again")
		}
	})
}

// Lambda kills a process that is late, which then forgets its pauses.
func TestACallThatHangsEndsBeforeLambdaKillsTheProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := &exchange{spare: true}
		c := x.calls()
		c.describe = func(ctx context.Context, _ string) (reconcile.Secret, error) {
			<-ctx.Done()
			return reconcile.Secret{}, ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 28*time.Second)
		defer cancel()
		began := time.Now()
		c.answer(ctx, []events.SQSMessage{message("a", "v1")})
		if took := time.Since(began); took != 28*time.Second-margin {
			t.Errorf("it took %s", took)
		}
	})
}

// The list is minutes old: since then a secret has got another config var, or one in place
// of another.
func TestADeliveryUpdatesWhatTheTagsOfTheFenceName(t *testing.T) {
	t.Parallel()
	for listed, want := range map[string]string{"A_URL": "[A_URL B_URL]", "OLD_URL": "[A_URL B_URL]", "A_URL B_URL": "[A_URL B_URL]"} {
		x := &exchange{spare: true}
		tags := map[string]string{reconcile.AppTag: "shop", reconcile.FormatTag: "key", reconcile.ConfigVarTag: listed}
		bindings, err := reconcile.ParseBindings(reconcile.Secret{ARN: "several", Name: "several", Tags: tags})
		if err != nil {
			t.Fatal(err)
		}
		reconciler := x.calls().reconciler
		var got []string
		for _, r := range (&handler{reconciler: &reconciler}).update(t.Context(), []string{"shop"}, bindings) {
			got = append(got, r.ConfigVar)
		}
		if slices.Sort(got); fmt.Sprint(got) != want {
			t.Errorf("listed %s: %v", listed, got)
		}
	}
}

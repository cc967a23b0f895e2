package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/report"
	"keepcurrent.example/internal/testserver/herokutest"
)

// What is wrong with a world, as bits.
const (
	noKey = 1 << iota
	noList
	noHeroku
	noLogin
	oddTag
	// signIt is no fault: the fuzzer cannot find a signature, so the test makes one.
	signIt
)

// world is all that the handler can reach, in memory. It writes down each call
// that is not a read of the signing key.
type world struct {
	faults uint8
	calls  []string
	keys   int
	log    bytes.Buffer
	counts bytes.Buffer // the metrics
}

var errAway = errors.New("away")

// call writes a call down; it fails if the world has the fault.
func (w *world) call(what string, fault uint8) error {
	w.calls = append(w.calls, what)
	if w.faults&fault != 0 {
		return errAway
	}
	return nil
}

func (w *world) readKeys(context.Context) ([]credential.Value, error) {
	w.keys++
	if w.faults&noKey != 0 {
		return nil, errAway
	}
	return []credential.Value{credential.New(signingKey)}, nil
}

func (w *world) secret() reconcile.Secret {
	s := reconcile.Secret{ARN: "arn", Name: "shop/database", Tags: map[string]string{reconcile.AppTag: "shop"}}
	if w.faults&oddTag != 0 {
		s.Tags[reconcile.FormatTag] = "xml"
	}
	return s
}

func (w *world) List(context.Context) ([]reconcile.Secret, error) {
	return []reconcile.Secret{w.secret()}, w.call("list", noList)
}

func (w *world) Describe(_ context.Context, arn string) (reconcile.Secret, error) {
	return w.secret(), w.call("describe "+arn, 0)
}

func (w *world) Stage(_ context.Context, arn, _ string, _ credential.Value) (bool, error) {
	return true, w.call("stage "+arn, 0)
}

func (w *world) Swap(_ context.Context, arn, _, _ string) error { return w.call("swap "+arn, 0) }

func (w *world) Read(_ context.Context, arn, _ string) (credential.Value, error) {
	return credential.Value{}, w.call("read "+arn, 0)
}

func (w *world) ConfigVars(_ context.Context, app string) (map[string]credential.Value, error) {
	vars := map[string]credential.Value{"DATABASE_URL": credential.New("postgres://u1:pEXAMPLE@h/d1")}
	return vars, w.call("config vars of "+app, noHeroku)
}

func (w *world) Spare() bool { return true }

func (w *world) Credentials(context.Context, string) (map[string]reconcile.Credential, error) {
	return nil, nil
}

func (w *world) Released(_ context.Context, app string) (time.Time, error) {
	return time.Time{}, w.call("released "+app, noHeroku)
}

func (w *world) Login(context.Context, connection.URL, string) error { return w.call("login", noLogin) }

func (w *world) handler() lambda.Handler { return lambda.NewHandler(w.edge().handle) }

func (w *world) edge() *handler {
	ring := &credential.Ring{Read: w.readKeys}
	log := slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return &handler{
		keys:       ring,
		bindings:   &directory{ForApps: func(ctx context.Context, _ ...string) ([]reconcile.Secret, error) { return w.List(ctx) }},
		reconciler: &reconcile.Reconciler{Secrets: w, Heroku: func(string) reconcile.Heroku { return w }, Database: w, Keys: ring},
		log:        func(context.Context, string) *slog.Logger { return log },
		metrics:    report.Writer{Out: &w.counts},

		remaining: func() (int, bool) { return 0, false },
	}
}

// goodCalls are all that the handler may ever do, whatever the event says: the
// app that it asks for is spelt as the secret's tag spells it.
var goodCalls = []string{"list", "describe arn", "config vars of shop", "login", "stage arn"}

// FuzzHandle passes any bytes as the event of Lambda, decoded as aws-lambda-go does it.
// The handler never panics, has five answers, and reads nothing but the signing key for
// a request that is not signed.
func FuzzHandle(f *testing.F) {
	files, err := filepath.Glob("../../events/webhook-*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no events: ", err)
	}
	for i, file := range files {
		event, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(event, uint8(0))
		f.Add(event, uint8(signIt))
		f.Add(event, uint8(signIt|1<<(i%5)))
	}
	f.Fuzz(func(t *testing.T, event []byte, faults uint8) {
		w := &world{faults: faults}
		event, signed := signEvent(event, faults&signIt != 0)
		answer, err := w.handler().Invoke(t.Context(), event)
		if err != nil {
			if json.Unmarshal(event, new(events.APIGatewayV2HTTPRequest)) == nil || len(w.calls)+w.keys > 0 {
				t.Fatalf("the invocation failed after %v: %v", w.calls, err)
			}
			return
		}
		var response events.APIGatewayV2HTTPResponse
		if err := json.Unmarshal(answer, &response); err != nil || response.Body != "" || len(response.Headers) > 0 {
			t.Fatalf("the answer is %s", answer)
		}
		w.check(t, response.StatusCode, signed)
	})
}

// signEvent signs the event, if sign is true and it is an event, and reports whether the
// returned event carries our signature.
func signEvent(event []byte, sign bool) (out []byte, signed bool) {
	var request events.APIGatewayV2HTTPRequest
	if json.Unmarshal(event, &request) != nil {
		return event, false
	}
	body := []byte(request.Body)
	if request.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(request.Body); err != nil {
			return event, false
		}
	}
	signature := herokutest.Sign(signingKey, body)
	if sign {
		request.Headers = map[string]string{signatureHeader: signature}
		event, _ = json.Marshal(request) // it came from JSON
		return event, true
	}
	for name, value := range request.Headers {
		signed = signed || strings.EqualFold(name, signatureHeader) && value == signature
	}
	return event, signed
}

// badSignature is the one line of metrics that a stranger can cause.
var badSignature = regexp.MustCompile(`\A\{"BadSignatures":\[1\],"FunctionName":"","_aws":\{"Timestamp":\d+,` +
	`"CloudWatchMetrics":\[\{"Namespace":"keepcurrent","Dimensions":\[\["FunctionName"\]\],"Metrics":\[\{"Name":"BadSignatures","Unit":"Count"\}\]\}\]\}\}\n\z`)

// check fails the test unless status and calls go together.
func (w *world) check(t *testing.T, status int, signed bool) {
	t.Helper()
	for _, call := range w.calls {
		if !slices.Contains(goodCalls, call) {
			t.Errorf("call %q", call)
		}
	}
	switch {
	case !slices.Contains([]int{204, 400, 401, 500, 503}, status):
		t.Errorf("status %d", status)
	case !signed && status != 401 && status != 500, signed && status == 401:
		t.Errorf("status %d, and is it signed? %t", status, signed)
	case status == 500 && w.faults&noKey == 0:
		t.Error("500 although there is a key")
	case status >= 400 && status <= 500 && len(w.calls) > 0:
		t.Errorf("refused with %d after %v", status, w.calls)
	case status == 503 && len(w.calls) == 0:
		t.Error("503 and nothing was tried")
	case w.keys > 3: // at first; by the edge, and by the reconciler, for newer ones
		t.Errorf("%d reads of the signing key", w.keys)
	}
	_, log, _ := strings.Cut(w.log.String(), "level=") // after the time
	if all := log + w.counts.String(); strings.Contains(all, "pEXAMPLE") || strings.Contains(all, signingKey) {
		t.Errorf("the log shows a credential: %s", all)
	}
	if status == 401 != badSignature.Match(w.counts.Bytes()) {
		t.Errorf("status %d, and the metrics are %s", status, &w.counts)
	}
	if !signed && !slices.Contains(refusals, log) {
		t.Errorf("the log shows what a stranger sent: %s", log)
	}
}

// refusals are the only lines that a request without a signature can write.
var refusals = []string{
	"WARN msg=\"signature refused\" error=\"no valid signature in Heroku-Webhook-Hmac-SHA256\"\n",
	"ERROR msg=\"no signing key\" error=\"no signing key: away\"\n",
}

// FuzzParse takes any bytes for a signed body.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "null", "[]", `{"resource":"release"}`, signedBody,
		`{"resource":"release","data":{"app":{"name":"shop","id":"1"},"created_at":"2026-11-21T10:15:29Z"}}`,
		`{"resource":"release","data":{"app":{"name":"shop"},"created_at":[]}}`,
		`{"resource":"release","resource":"dyno","Data":{"APP":{"ID":"1"}}}`,
	} {
		f.Add([]byte(seed))
	}
	errs := []string{"the body is larger than 1 MiB", "the body is no webhook event", "the release event names no app"}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parse(body)
		switch {
		case err != nil && (r != nil || !slices.Contains(errs, err.Error())):
			t.Errorf("%v, %v", r, err)
		case err == nil && !json.Valid(body):
			t.Error("what is no JSON was understood")
		case r != nil && r.AppID == "" && r.AppName == "":
			t.Error("a release of no app")
		case r != nil && !r.CreatedAt.IsZero() && !strings.Contains(string(body), "T"):
			t.Errorf("released at %s, which the event does not say", r.CreatedAt)
		}
	})
}

// Package functions_test holds the end-to-end tests: both functions, compiled as
// they are deployed, behind the Lambda Runtime API, between a Heroku, a Secrets
// Manager and a Postgres that are real servers.
package functions_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"keepcurrent.example/internal/herokutest"
	"keepcurrent.example/internal/lambdatest"
	"keepcurrent.example/internal/postgrestest"
	"keepcurrent.example/internal/stacktest"
)

// compiled is the folder of the compiled functions.
var compiled string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	postgrestest.ClearEnvironment()
	dir, err := os.MkdirTemp("", "keepcurrent-functions-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := stacktest.Build(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	compiled = dir
	return m.Run()
}

// stack is a stack whose failures are the test's.
type stack struct {
	*stacktest.Stack
	t *testing.T
}

func start(t *testing.T, config stacktest.Config) *stack {
	t.Helper()
	config.Functions = compiled
	s, err := stacktest.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		// After the end, so that the last byte is searched, too.
		for _, leak := range s.Leaks() {
			t.Error(leak)
		}
		for _, violation := range s.Heroku.Violations() {
			t.Error("Heroku's schema is violated:", violation)
		}
		if t.Failed() {
			t.Logf("webhook:\n%s", s.Webhook.Logs())
			t.Logf("poller:\n%s", s.Poller.Logs())
		}
	})
	return &stack{s, t}
}

// shop is an app with a database whose secret has been filled by a first poll.
type shop struct {
	*stack
	app    *herokutest.App
	addon  *herokutest.AddOn
	db     *postgrestest.Database
	secret string // its ARN
}

func openShop(t *testing.T, config stacktest.Config) *shop {
	t.Helper()
	s := start(t, config)
	db, err := s.Database(t.Context())
	s.must(err)
	app := s.Heroku.CreateApp("shop")
	shop := &shop{stack: s, app: app, addon: s.Heroku.Provision(app, db), db: db}
	shop.secret, err = s.Bind(t.Context(), app.Name, "shop/database", "heroku:format=url")
	s.must(err)
	if report := s.poll(); report.Published != 1 {
		t.Fatalf("the first poll: %+v", report)
	}
	shop.equal()
	s.Secrets.ResetCalls()
	s.Heroku.ResetCalls()
	return shop
}

func (s *stack) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stack) poll(event ...string) stacktest.Report {
	s.t.Helper()
	report, err := s.Poll(s.t.Context(), event...)
	s.must(err)
	return report
}

// failingPoll polls and returns the error of the invocation.
func (s *stack) failingPoll() string {
	s.t.Helper()
	report, err := s.Poll(s.t.Context())
	var failure *lambdatest.FunctionError
	if !errors.As(err, &failure) {
		s.t.Fatalf("the invocation did not fail: %+v, %v", report, err)
	}
	return failure.Message
}

func (s *stack) value(secret string) string {
	s.t.Helper()
	value, err := s.Value(s.t.Context(), secret)
	s.must(err)
	return value
}

// equal fails the test unless the secret is equal to the database's URL and a
// consumer can log in with it.
func (s *shop) equal() {
	s.t.Helper()
	if got := s.value(s.secret); got != s.db.URL()+"?sslmode=require" {
		s.t.Fatal("the secret is not equal to the database's URL")
	}
	if err := s.login(); err != nil {
		s.t.Fatal("a consumer cannot log in: ", err)
	}
}

// login is a consumer that reads the secret and connects.
func (s *shop) login() error {
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgconn.Connect(ctx, s.value(s.secret))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// deliverer keeps no connections: another test's server closes those of the
// default client when it ends.
var deliverer = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// request is a delivery that a test sends by itself.
type request struct {
	body        string
	contentType string // default application/json
	header      string // of the signature; default as Heroku spells it
	signature   string // default: the right one
	key         string // of the default signature; default the stack's
}

// deliver sends a request to the webhook's public address and returns the
// status. No answer has anything to say beside its status.
func (s *stack) deliver(r request) int {
	s.t.Helper()
	if r.contentType == "" {
		r.contentType = "application/json"
	}
	if r.header == "" {
		r.header = "Heroku-Webhook-Hmac-SHA256"
	}
	if r.key == "" {
		r.key = stacktest.SigningKey
	}
	if r.signature == "" {
		r.signature = herokutest.Sign(r.key, []byte(r.body))
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL, strings.NewReader(r.body))
	s.must(err)
	req.Header["Content-Type"] = []string{r.contentType}
	req.Header[r.header] = []string{r.signature}
	resp, err := deliverer.Do(req)
	s.must(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	s.must(err)
	if len(answer) > 0 && !json.Valid(answer) || strings.Contains(string(answer), "EXAMPLE") {
		s.t.Errorf("the answer's body is %q", answer)
	}
	return resp.StatusCode
}

// awsCalls fails the test unless exactly these calls were made.
func (s *stack) awsCalls(want map[string]int) {
	s.t.Helper()
	if got := s.Secrets.Calls(); fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Errorf("calls of Secrets Manager: %v, want %v", got, want)
	}
}

// untouched fails the test if a request could have changed a secret.
func (s *stack) untouched() {
	s.t.Helper()
	calls := s.Secrets.Calls()
	if calls["PutSecretValue"]+calls["UpdateSecretVersionStage"] > 0 {
		s.t.Errorf("a secret was written to: %v", calls)
	}
}

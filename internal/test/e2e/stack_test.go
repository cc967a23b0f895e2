package e2e_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/report"
	"keepcurrent.example/internal/testserver/lambdatest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// compiled is the folder of the compiled functions.
var compiled string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	postgrestest.ClearEnvironment()
	// Most of these tests wait most of the time, for a retry or for a time-out. So on a
	// small machine more of them run at a time than it has processors.
	atATime := strconv.Itoa(max(4, runtime.GOMAXPROCS(0)))
	if err := flag.Set("test.parallel", atATime); err != nil {
		return 0, err
	}
	compiled, err = os.MkdirTemp("", "keepcurrent-functions-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(compiled)
	if err := stacktest.Build(context.Background(), compiled); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// stack is a stack whose errors fail the test.
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

func (s *stack) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stack) database() *postgrestest.Database {
	s.t.Helper()
	db, err := s.Database(s.t.Context())
	s.must(err)
	return db
}

// bind makes an empty secret that follows an app, and returns its ARN.
func (s *stack) bind(app, name string, tags ...string) string {
	s.t.Helper()
	arn, err := s.Bind(s.t.Context(), app, name, tags...)
	s.must(err)
	return arn
}

// put gives a secret a value, as a person does.
func (s *stack) put(secret, value string) {
	s.t.Helper()
	_, err := s.AWS.PutSecretValue(s.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &secret, SecretString: &value})
	s.must(err)
}

// create makes a secret that follows nothing.
func (s *stack) create(name, value string) {
	s.t.Helper()
	_, err := s.AWS.CreateSecret(s.t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value})
	s.must(err)
}

// remove deletes a secret at once.
func (s *stack) remove(secret string) {
	s.t.Helper()
	_, err := s.AWS.DeleteSecret(s.t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &secret, ForceDeleteWithoutRecovery: aws.Bool(true)})
	s.must(err)
}

func (s *stack) value(secret string) string {
	s.t.Helper()
	value, err := s.Value(s.t.Context(), secret)
	s.must(err)
	return value
}

func (s *stack) poll(event ...string) report.Report {
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

// idle returns when Heroku has no delivery left to make.
func (s *stack) idle() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Heroku.DeliveriesIdle(ctx); err != nil {
		s.t.Fatal("deliveries are still on their way: ", err)
	}
}

// eventually waits until the condition is true, and reports false if that takes more than
// half a minute.
func eventually(condition func() bool) bool {
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// awsCalls fails the test unless exactly these calls were made.
func (s *stack) awsCalls(want map[string]int) {
	s.t.Helper()
	if got := s.Secrets.Calls(); !maps.Equal(got, want) {
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

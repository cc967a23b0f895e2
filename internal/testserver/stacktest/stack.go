// Package stacktest runs all of keepcurrent on one machine: test servers for Heroku,
// Secrets Manager, Postgres and Lambda on the loopback interface, and both functions
// compiled as for a deployment, behind the Lambda Runtime API. The end-to-end tests and
// the demo use it.
package stacktest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	platform "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/report"
	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/lambdatest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/secretstest"
)

// The names of the stack's own two secrets. In a deployment AWS chooses them.
const (
	TokenSecret   = "keepcurrent/heroku-token"
	SigningSecret = "keepcurrent/webhook-signing-key"
)

// path is where the HTTP API takes Heroku's deliveries.
const path = "/heroku/webhook"

// SigningKey is the first webhook signing key.
const SigningKey = "signing-key-EXAMPLE-6f1b0c7d9a"

// Build compiles both functions into dir, for [Config].
func Build(ctx context.Context, dir string) error {
	for _, name := range []string{"webhook", "poller"} {
		if _, err := lambdatest.Build(ctx, dir, "keepcurrent.example/functions/"+name); err != nil {
			return err
		}
	}
	return nil
}

// Config describes how a stack is deployed.
type Config struct {
	// Functions is the folder that [Build] filled.
	Functions string
	// Env is added to the environment of both functions.
	Env []string
	// Timeout is that of the webhook; default 28 s. That of the poller is 60 s.
	Timeout time.Duration
	// SelfSubscribe gives the poller the public address of the webhook, and a token that
	// may write webhooks, so that it keeps the subscriptions. Without it, and without a
	// WEBHOOK_URL in Env, the functions have a token that may only read.
	SelfSubscribe bool
	// Concurrency of the webhook; default 4. That of the poller is 1.
	Concurrency int
}

// Stack is a running stack.
type Stack struct {
	Heroku  *herokutest.Server
	Secrets *secretstest.Server
	Webhook *lambdatest.Function
	Poller  *lambdatest.Function
	// AWS is a client of Secrets Manager, for what a person or a consumer does.
	AWS *secretsmanager.Client
	// Platform is a client of Heroku's API, for what a person does.
	Platform *platform.Service
	// URL is the public address of the webhook.
	URL string

	gateway   *httptest.Server
	front     atomic.Value // the http.Handler of the deployed webhook, always of one type
	databases []*postgrestest.Database
	planted   []string
}

// Start starts a stack. Its account has no apps, and its Secrets Manager has
// an API token and the signing key.
func Start(ctx context.Context, config Config) (*Stack, error) {
	heroku, err := herokutest.NewServer()
	if err != nil {
		return nil, err
	}
	s := &Stack{Heroku: heroku, Secrets: secretstest.NewServer()}
	s.AWS = s.Secrets.Client()
	s.Platform = platform.NewService(&http.Client{Transport: bearer{heroku}})
	s.Platform.URL = heroku.URL
	s.gateway = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.front.Load().(http.Handler).ServeHTTP(w, r)
	}))
	s.URL = s.gateway.URL + path
	scope := "read-protected" // more only if the poller is to make webhooks
	if config.SelfSubscribe || slices.ContainsFunc(config.Env, func(v string) bool { return strings.HasPrefix(v, "WEBHOOK_URL=") }) {
		scope = "write-protected"
	}
	if err := errors.Join(s.hold(ctx, TokenSecret, heroku.Authorize(scope)), s.hold(ctx, SigningSecret, SigningKey), s.Deploy(config)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// personal replaces http.DefaultTransport, whose connections every httptest server cuts
// when it closes. It keeps no connections, so that none is left when a stack closes.
var personal = &http.Transport{DisableKeepAlives: true}

// bearer adds the current token to a person's requests.
type bearer struct{ heroku *herokutest.Server }

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	t := platform.Transport{BearerToken: b.heroku.Token(), Transport: personal}
	return t.RoundTrip(req)
}

// Deploy starts the functions with a configuration, and ends those that run already. It
// fails if a function cannot start.
func (s *Stack) Deploy(config Config) (err error) {
	if err := s.undeploy(); err != nil {
		return err
	}
	env := append([]string{
		"AWS_REGION=eu-west-1",
		"AWS_ACCESS_KEY_ID=EXAMPLE",
		"AWS_SECRET_ACCESS_KEY=EXAMPLE",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + s.Secrets.URL,
		"HEROKU_API_URL=" + s.Heroku.URL,
		"HEROKU_TOKEN_SECRET_ID=" + TokenSecret,
		"WEBHOOK_SIGNING_SECRET_ID=" + SigningSecret,
		"LOG_LEVEL=debug",
	}, config.Env...)
	start := func(name string, timeout time.Duration, concurrency int) (*lambdatest.Function, error) {
		return lambdatest.Start(lambdatest.Config{
			Bootstrap:   filepath.Join(config.Functions, name, "bootstrap"),
			Name:        name,
			Env:         env,
			Timeout:     timeout,
			Concurrency: concurrency,
		})
	}
	timeout, concurrency := cmp.Or(config.Timeout, 28*time.Second), cmp.Or(config.Concurrency, 4)
	if s.Webhook, err = start("webhook", timeout, concurrency); err != nil {
		return err
	}
	s.front.Store(lambdatest.HTTPAPI(s.Webhook, "POST "+path))
	if config.SelfSubscribe {
		env = append(env, "WEBHOOK_URL="+s.URL)
	}
	s.Poller, err = start("poller", time.Minute, 1)
	return err
}

// Close ends everything that Start and the other methods have started.
func (s *Stack) Close() error {
	s.Heroku.Close()
	s.gateway.Close()
	errs := []error{s.undeploy()}
	s.Secrets.Close()
	for _, db := range s.databases {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

func (s *Stack) undeploy() error {
	var errs []error
	for _, f := range []*lambdatest.Function{s.Webhook, s.Poller} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// Database makes a database in the process's shared cluster; the stack closes it.
func (s *Stack) Database(ctx context.Context) (*postgrestest.Database, error) {
	cluster, err := postgrestest.Shared(ctx)
	if err != nil {
		return nil, err
	}
	db, err := cluster.NewDatabase(ctx)
	if err == nil {
		s.databases = append(s.databases, db)
	}
	return db, err
}

// Bind makes a secret without a value that follows the app's DATABASE_URL, or what
// further tags say, as KEY=VALUE. It returns the secret's ARN.
func (s *Stack) Bind(ctx context.Context, app, name string, tags ...string) (arn string, err error) {
	in := &secretsmanager.CreateSecretInput{Name: &name}
	for _, tag := range append([]string{"heroku:app=" + app}, tags...) {
		key, value, _ := strings.Cut(tag, "=")
		in.Tags = append(in.Tags, types.Tag{Key: &key, Value: &value})
	}
	out, err := s.AWS.CreateSecret(ctx, in)
	if err != nil {
		return "", fmt.Errorf("creating the secret %s: %w", name, err)
	}
	return *out.ARN, nil
}

// hold makes a secret with a value.
func (s *Stack) hold(ctx context.Context, name, value string) error {
	if _, err := s.AWS.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value}); err != nil {
		return fmt.Errorf("creating the secret %s: %w", name, err)
	}
	return nil
}

// Subscribe makes Heroku tell the webhook of the app's releases, as
// `heroku webhooks:add -i api:release -l sync` does.
func (s *Stack) Subscribe(ctx context.Context, app string) error {
	_, err := s.Platform.AppWebhookCreate(ctx, app, platform.AppWebhookCreateOpts{
		Include: []string{"api:release"}, Level: "sync", Secret: platform.String(SigningKey), URL: s.URL,
	})
	return err
}

// Announce tells the webhook of the app's newest release, as Heroku does, and returns
// the status of its answer.
func (s *Stack) Announce(ctx context.Context, app *herokutest.App) (status int, err error) {
	body := app.ReleaseEvent("create")
	status, _, err = s.Deliver(ctx, body, "application/json", herokutest.Sign(SigningKey, body))
	return status, err
}

// Deliver sends a request to the webhook's public address, and returns the status and
// the body of the answer.
func (s *Stack) Deliver(ctx context.Context, body []byte, contentType, signature string) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Heroku-Webhook-Hmac-SHA256", signature)
	resp, err := (&http.Client{Transport: personal}).Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// Value returns what a consumer of the secret reads, "" before the first value.
func (s *Stack) Value(ctx context.Context, secret string) (string, error) {
	out, err := s.AWS.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &secret, VersionStage: aws.String("AWSCURRENT")})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return *out.SecretString, nil
}

// Poll invokes the poller, with {} unless an event is given.
func (s *Stack) Poll(ctx context.Context, event ...string) (answer report.Report, err error) {
	payload := "{}"
	if len(event) > 0 {
		payload = event[0]
	}
	out, err := s.Poller.Invoke(ctx, []byte(payload))
	if err != nil {
		return answer, err
	}
	return answer, json.Unmarshal(out, &answer)
}

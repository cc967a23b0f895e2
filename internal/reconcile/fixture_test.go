package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/secrets"
	"keepcurrent.example/internal/testserver/secretstest"
)

const app = "shop"

var source = reconcile.Source{App: app}

// fixture is a reconciler with a Secrets Manager over HTTP, and with an account and a
// database that do what a test tells them.
type fixture struct {
	t          *testing.T
	reconciler *reconcile.Reconciler
	aws        *secretstest.Server
	client     *secretsmanager.Client
	account    *account
	database   *database
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	server := secretstest.NewServer()
	t.Cleanup(server.Close)
	client := server.Client()
	h := &fixture{t: t, aws: server, client: client, account: &account{}, database: &database{}}
	h.reconciler = &reconcile.Reconciler{
		Secrets:  secrets.Manager{Client: client},
		Heroku:   func(string) reconcile.Heroku { return h.account },
		Database: h.database,
		Keys:     keys("signing-key-EXAMPLE"),
	}
	return h
}

// keySet is a set of keys, and what it is renewed to.
type keySet struct {
	mu            sync.Mutex
	values, newer []credential.Value
}

func keys(texts ...string) *keySet {
	set := new(keySet)
	for _, text := range texts {
		set.values = append(set.values, credential.New(text))
	}
	set.newer = set.values
	return set
}

func (s *keySet) Values(context.Context) ([]credential.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.values) == 0 {
		return nil, errors.New("no key")
	}
	return s.values, nil
}

func (s *keySet) Renew(context.Context, []credential.Value) ([]credential.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values = s.newer
	return s.values, nil
}

// bind makes a secret without a value, and with these tags. It follows the app, unless
// a tag names another.
func (h *fixture) bind(name string, tags ...string) reconcile.Binding {
	h.t.Helper()
	values := map[string]string{reconcile.AppTag: app}
	for _, tag := range tags {
		key, value, _ := strings.Cut(tag, "=")
		values[key] = value
	}
	in := &secretsmanager.CreateSecretInput{Name: &name}
	for key, value := range values {
		in.Tags = append(in.Tags, types.Tag{Key: &key, Value: &value})
	}
	out, err := h.client.CreateSecret(h.t.Context(), in)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.binding(*out.ARN)
}

// upToDate returns a fixture and a binding in it, in the url format, whose secret holds
// url(1). Calls and reads are counted from then on.
func upToDate(t *testing.T) (*fixture, reconcile.Binding) {
	t.Helper()
	h := newFixture(t)
	h.account.show(1)
	b := h.bind("orders", "heroku:format=url")
	h.mustPublish(b)
	h.aws.ResetCalls()
	h.account.reads = 0
	return h, b
}

func (h *fixture) binding(arn string) reconcile.Binding {
	h.t.Helper()
	secret, err := h.reconciler.Secrets.Describe(h.t.Context(), arn)
	if err != nil {
		h.t.Fatal(err)
	}
	b, _ := parseOne(secret)
	return b
}

// update runs one update and returns its only result.
func (h *fixture) update(b reconcile.Binding) reconcile.Result {
	h.t.Helper()
	return h.reconciler.Update(h.t.Context(), []reconcile.Binding{b})[0]
}

func (h *fixture) mustPublish(b reconcile.Binding) reconcile.Result {
	h.t.Helper()
	r := h.update(b)
	if r.Outcome != reconcile.Published || r.Err != nil {
		h.t.Fatalf("%s: %v", r.Outcome, r.Err)
	}
	return r
}

// value returns what a consumer reads, "" if there is no value yet.
func (h *fixture) value(b reconcile.Binding) string {
	h.t.Helper()
	out, err := h.client.GetSecretValue(h.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &b.ARN, VersionStage: aws.String("AWSCURRENT")})
	if none := new(types.ResourceNotFoundException); errors.As(err, &none) {
		return ""
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return *out.SecretString
}

// writes returns how many requests could have changed a secret, since the calls were
// last reset.
func (h *fixture) writes() int {
	calls := h.aws.Calls()
	return calls["PutSecretValue"] + calls["UpdateSecretVersionStage"] + calls["CreateSecret"] + calls["TagResource"] + calls["DeleteSecret"]
}

// url returns a URL as Heroku writes it, one for each n.
func url(n int) string { return fmt.Sprintf("postgres://u1:pEXAMPLE%d@db.example:5432/d1", n) }

// want is the value of a secret in the url format for url(n).
func want(n int) string { return url(n) + "?sslmode=require" }

// account is Heroku.
type account struct {
	mu       sync.Mutex
	vars     map[string]string
	err      error
	spare    func() bool // nil: always
	released time.Time
	reads    int
	before   func(read int) // runs before the n-th read answers

	asked       atomic.Int64 // how often whose credentials they are
	credentials func() (map[string]reconcile.Credential, error)
}

func (a *account) set(vars map[string]string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.vars = maps.Clone(vars)
}

func (a *account) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
}

func (a *account) show(n int) { a.set(map[string]string{"DATABASE_URL": url(n)}) }

func (a *account) ConfigVars(context.Context, string) (map[string]credential.Value, error) {
	a.mu.Lock()
	a.reads++
	read, before := a.reads, a.before
	a.mu.Unlock()
	if before != nil {
		before(read)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	vars := make(map[string]credential.Value)
	for name, text := range a.vars {
		vars[name] = credential.New(text)
	}
	return vars, a.err
}

func (a *account) Spare() bool { return a.spare == nil || a.spare() }

func (a *account) Credentials(context.Context, string) (map[string]reconcile.Credential, error) {
	a.asked.Add(1)
	if a.credentials == nil {
		return nil, nil
	}
	return a.credentials()
}

func (a *account) Released(context.Context, string) (time.Time, error) { return a.released, nil }

// database answers a login by its password; an unknown password logs in.
type database struct {
	mu      sync.Mutex
	answers map[string]error
	logins  int
	last    connection.URL // with which a login was tried
}

func (d *database) answer(n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.answers == nil {
		d.answers = make(map[string]error)
	}
	d.answers[fmt.Sprintf("pEXAMPLE%d", n)] = err
}

func (d *database) Login(_ context.Context, u connection.URL, _ string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.logins++
	d.last = u
	return d.answers[u.Password().Reveal()]
}

// parseOne is [reconcile.ParseBindings] of a secret with one binding.
func parseOne(secret reconcile.Secret) (reconcile.Binding, error) {
	bindings, err := reconcile.ParseBindings(secret)
	return bindings[0], err
}

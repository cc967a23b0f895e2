package history

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/secrets"
)

const app = "shop"

// A fixture is a Secrets Manager whose calls are recorded, a Heroku, and secrets
// bound to one app.
type fixture struct {
	*recorder
	server *httptest.Server
	heroku *heroku
}

func newFixture(t *testing.T, w *weather) *fixture {
	t.Helper()
	h := &fixture{recorder: newRecorder(w), heroku: &heroku{weather: w, epoch: 1}}
	h.server = httptest.NewUnstartedServer(h.recorder)
	h.server.Config.ReadHeaderTimeout = 10 * time.Second
	h.server.Start()
	t.Cleanup(func() {
		h.server.Close()
		h.late.Wait()
	})
	return h
}

// client returns the AWS client of one process.
func (h *fixture) client(n int) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(fmt.Sprintf("%s/%d", h.server.URL, n)),
		Credentials:  credentials.NewStaticCredentialsProvider("EXAMPLE", "EXAMPLE", ""),
		HTTPClient:   h.server.Client(),
		Retryer:      retry.AddWithMaxBackoffDelay(retry.NewStandard(), 5*time.Millisecond),
	})
}

// bind makes an empty secret that follows the app's DATABASE_URL, or what more tags say.
func (h *fixture) bind(t *testing.T, name string, more ...types.Tag) reconcile.Binding {
	t.Helper()
	m := secrets.Manager{Client: h.client(0)}
	out, err := m.Client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: &name, Tags: append(more, types.Tag{Key: aws.String(reconcile.AppTag), Value: aws.String(app)}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return reconcile.Binding{Secret: reconcile.Secret{ARN: *out.ARN, Name: name}, Source: reconcile.Source{App: app}}
}

// reconciler returns a Reconciler as the n-th client, with the true Secrets Manager and
// the given view of Heroku.
func (h *fixture) reconciler(n int, view reconcile.Heroku) *reconcile.Reconciler {
	return &reconcile.Reconciler{
		Secrets:  secrets.Manager{Client: h.client(n)},
		Heroku:   func(string) reconcile.Heroku { return view },
		Database: anyone{},
		Keys:     key{},
	}
}

// history returns what was recorded, when no request is under way.
func (h *fixture) history(t *testing.T) []porcupine.Operation {
	t.Helper()
	h.late.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.odd) > 0 {
		t.Fatalf("answers that the model does not know: %q", h.odd)
	}
	return slices.Clone(h.operations)
}

// heroku is an account that counts the URLs which it shows.
type heroku struct {
	weather *weather
	mu      sync.Mutex
	epoch   int
}

// ConfigVars returns the URL. In a storm, about half of the answers are outdated when
// they arrive.
func (h *heroku) ConfigVars(context.Context, string) (map[string]credential.Value, error) {
	h.weather.delay()
	h.mu.Lock()
	shown := h.epoch
	h.epoch += h.weather.roll(2)
	h.mu.Unlock()
	h.weather.delay()
	return map[string]credential.Value{
		"DATABASE_URL": credential.New(url(shown)),
		"FOLLOWER_URL": credential.New(strings.Replace(url(shown), "@db.", "@follower.", 1)),
	}, nil
}

func (h *heroku) Spare() bool { return true }

func (h *heroku) Credentials(context.Context, string) (map[string]reconcile.Credential, error) {
	return nil, nil
}

// Released does not know.
func (h *heroku) Released(context.Context, string) (time.Time, error) { return time.Time{}, nil }

func (h *heroku) rotate() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.epoch++
}

// key is one that never changes.
type key struct{}

func (key) Values(context.Context) ([]credential.Value, error) {
	return []credential.Value{credential.New("signing-key-EXAMPLE")}, nil
}

func (key) Renew(_ context.Context, stale []credential.Value) ([]credential.Value, error) {
	return stale, nil
}

// anyone is a database that accepts every login.
type anyone struct{}

func (anyone) Login(context.Context, connection.URL, string) error { return nil }

package herokutest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	heroku "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/testserver/herokutest"
)

const signingSecret = "example-signing-secret"

// A notice is one request that a receiver got.
type notice struct {
	header http.Header
	body   []byte
	Action string
	Data   struct {
		Version int
	}
	Metadata struct{ Attempt, Delivery, Event, Webhook struct{ ID string } } `json:"webhook_metadata"`
}

// A receiver is the server that a webhook calls. It answers the codes in order, and then
// 204.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	codes []int
	got   []notice
}

func newReceiver(t *testing.T, codes ...int) *receiver {
	r := &receiver{codes: codes}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	n := notice{header: req.Header, body: body}
	_ = json.Unmarshal(body, &n)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, n)
	code := http.StatusNoContent
	if len(r.codes) > 0 {
		code, r.codes = r.codes[0], r.codes[1:]
	}
	w.WriteHeader(code)
}

func (r *receiver) notices() []notice {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

// releases lists what came: the version and the action of each.
func (r *receiver) releases() (all []seen) {
	for _, n := range r.notices() {
		all = append(all, seen{n.Data.Version, n.Action})
	}
	return all
}

type seen struct {
	version int
	action  string
}

// subscribe makes a webhook for the releases of the app sushi.
func subscribe(t *testing.T, s *herokutest.Server, level, url string) *heroku.AppWebhookCreateResult {
	t.Helper()
	hook, err := newClient(t, s, s.Token()).AppWebhookCreate(t.Context(), "sushi", heroku.AppWebhookCreateOpts{
		Include: []string{"api:release"}, Level: level, URL: url, Secret: heroku.String(signingSecret),
	})
	if err != nil {
		t.Fatal(err)
	}
	return hook
}

// idle waits until all is delivered.
func idle(t *testing.T, s *herokutest.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.DeliveriesIdle(ctx); err != nil {
		t.Fatal(err)
	}
}

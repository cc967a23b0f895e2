package herokutest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	heroku "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/testserver/herokutest"
)

// newServer starts a Heroku that ends with the test, and fails the test if the
// server broke the schema meanwhile.
func newServer(t *testing.T) *herokutest.Server {
	t.Helper()
	s, err := herokutest.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		for _, v := range s.Violations() {
			t.Errorf("violation: %s", v)
		}
	})
	return s
}

// transport returns a transport whose connections are closed when the test ends.
func transport(t *testing.T) *http.Transport {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// newClient is heroku-go as the product uses it.
func newClient(t *testing.T, s *herokutest.Server, token string) *heroku.Service {
	service := heroku.NewService(&http.Client{
		Timeout:   10 * time.Second,
		Transport: &heroku.Transport{BearerToken: token, Transport: transport(t)},
	})
	service.URL = s.URL
	return service
}

// raw makes a request with the headers that Heroku wants, and those given in
// place of them.
func raw(t *testing.T, s *herokutest.Server, method, path, body string, header map[string]string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/vnd.heroku+json; version=3")
	req.Header.Set("Authorization", "Bearer "+s.Token())
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := (&http.Client{Transport: transport(t)}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// herokuError is the error that heroku-go made of an answer.
func herokuError(t *testing.T, err error) heroku.Error {
	t.Helper()
	var he heroku.Error
	if !errors.As(err, &he) {
		t.Fatalf("error %v is no heroku.Error", err)
	}
	return he
}

// configVar reads one config var through the API.
func configVar(t *testing.T, s *herokutest.Server, app, name string) string {
	t.Helper()
	vars, err := newClient(t, s, s.Token()).ConfigVarInfoForApp(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	if vars[name] == nil {
		return ""
	}
	return *vars[name]
}

// fakeDatabase is a database that only counts.
type fakeDatabase struct {
	mu       sync.Mutex
	user     int
	password int
	host     int
	ended    []int // users that were ended
	broken   error
}

func (d *fakeDatabase) URL() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fmt.Sprintf("postgres://user%d:pw-example-%d@host%d.example:5432/db", d.user, d.password, d.host)
}

func (d *fakeDatabase) bump(n *int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return d.broken
	}
	*n++
	return nil
}

func (d *fakeDatabase) Rotate(context.Context) error   { return d.bump(&d.password) }
func (d *fakeDatabase) FailOver(context.Context) error { return d.bump(&d.host) }

func (d *fakeDatabase) RotateUser(context.Context) (func(context.Context) error, error) {
	old := d.user
	return func(context.Context) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.ended = append(d.ended, old)
		return nil
	}, d.bump(&d.user)
}

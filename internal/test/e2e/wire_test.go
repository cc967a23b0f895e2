package e2e_test

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// A call is one remote call of a run: the nth of its kind.
type call struct {
	kind string
	nth  int
}

// The kinds of calls that tests name, in the words of the wire.
const (
	readKey   = "GetSecretValue " + stacktest.SigningSecret
	readToken = "GetSecretValue " + stacktest.TokenSecret
	readHeld  = "GetSecretValue " + boundSecret
	list      = "ListSecrets"
	describe  = "DescribeSecret " + boundSecret
	put       = "PutSecretValue " + boundSecret
	swap      = "UpdateSecretVersionStage " + boundSecret
	readVars  = "GET config-vars"
	readLast  = "GET releases"
	login     = "login"

	boundSecret = "shop"
)

// knownCalls are all calls that any run makes, in their order, by readable names.
var knownCalls = []struct {
	call
	name string
}{
	{call{readKey, 1}, "signing key"},
	{call{readKey, 2}, "previous signing key"},
	{call{list, 1}, "list"},
	{call{readToken, 1}, "token"},
	{call{describe, 1}, "fence"},
	{call{readVars, 1}, "config vars"},
	{call{readVars, 2}, "config vars again"},
	{call{login, 1}, "login"},
	{call{readHeld, 1}, "held value"},
	{call{put, 1}, "stage"},
	{call{login, 2}, "login with it"},
	{call{describe, 2}, "fence again"},
	{call{swap, 1}, "swap"},
	{call{readVars, 3}, "config vars once more"},
	{call{readLast, 1}, "newest release"},
}

func (c call) String() string {
	for _, known := range knownCalls {
		if known.call == c {
			return known.name
		}
	}
	return fmt.Sprintf("%s (%d)", c.kind, c.nth)
}

// trouble is the fault of a call; which of the three depends on the server.
type trouble struct {
	aws    secretstest.Fault
	heroku herokutest.Fault
	login  postgrestest.Fault
}

// wire intercepts all remote calls of both functions: it counts them and lets a test
// choose the trouble of each.
type wire struct {
	mu     sync.Mutex // guards what follows
	calls  []call     // since the last listen
	counts map[string]int
	choose func(call) trouble
}

// intercept puts a wire between the functions and the three test servers.
func (s *shop) intercept() *wire {
	w := new(wire)
	w.listen(nil)
	s.Secrets.Intercept(func(c secretstest.Call) secretstest.Fault { return w.pass(kindOf(c)).aws })
	s.db.Intercept(func() postgrestest.Fault { return w.pass(login).login })
	s.Heroku.Wrap(func(api http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			handler := api
			if fault := w.pass(r.Method + " " + path.Base(r.URL.Path)).heroku; fault != nil {
				handler = fault(api)
			}
			handler.ServeHTTP(rw, r)
		})
	})
	return w
}

// kindOf replaces the secret's ARN by a fixed name: the bound secret has another ARN each
// time that it starts empty.
func kindOf(c secretstest.Call) string {
	secret := c.SecretID
	if strings.HasPrefix(secret, "arn:") {
		secret = boundSecret
	}
	return strings.TrimSpace(c.Action + " " + secret)
}

func (w *wire) pass(kind string) trouble {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[kind]++
	c := call{kind, w.counts[kind]}
	w.calls = append(w.calls, c)
	if w.choose == nil {
		return trouble{}
	}
	return w.choose(c)
}

// listen resets the counts. From now on choose, which may be nil, decides the trouble of
// each call.
func (w *wire) listen(choose func(call) trouble) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls, w.counts, w.choose = nil, map[string]int{}, choose
}

// heard returns the calls that were made since the last listen, in their order.
func (w *wire) heard() []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]call(nil), w.calls...)
}

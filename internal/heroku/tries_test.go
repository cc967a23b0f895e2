package heroku_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/heroku"
)

// remote has a fault in its first tries, and then answers.
type remote struct {
	fault  func(*http.Request) (*http.Response, error)
	faulty int
	tries  int
}

func (r *remote) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.tries++; r.tries <= r.faulty {
		return r.fault(req)
	}
	return answers(req, 200), nil
}

func answers(req *http.Request, status int) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: req}
}

func hangs(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func late(by time.Duration) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		select {
		case <-time.After(by):
			return answers(req, 200), nil
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	}
}

// In virtual time.
func TestFaultsOfHerokuCostLittle(t *testing.T) {
	t.Parallel()
	reset := func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNRESET }
	unwell := func(req *http.Request) (*http.Response, error) { return answers(req, 503), nil }
	const always = 100
	for name, test := range map[string]struct {
		remote remote
		tries  int
		most   time.Duration
		fails  bool
	}{
		"hangs once":           {remote{fault: hangs, faulty: 1}, 2, 1500 * time.Millisecond, false},
		"4 s late once":        {remote{fault: late(4 * time.Second), faulty: 1}, 2, 1500 * time.Millisecond, false},
		"reset once":           {remote{fault: reset, faulty: 1}, 2, 300 * time.Millisecond, false},
		"503 once":             {remote{fault: unwell, faulty: 1}, 2, 300 * time.Millisecond, false},
		"always 5 s late":      {remote{fault: late(5 * time.Second), faulty: always}, 3, 10 * time.Second, false}, // slow, but alive
		"hangs":                {remote{fault: hangs, faulty: always}, 3, 11 * time.Second, true},
		"always answers 503":   {remote{fault: unwell, faulty: always}, 3, time.Second, true},
		"always resets":        {remote{fault: reset, faulty: always}, 3, time.Second, true},
		"answers without ado":  {remote{}, 1, 0, false},
		"always 1 s late":      {remote{fault: late(time.Second), faulty: always}, 1, time.Second, false},
		"hangs twice":          {remote{fault: hangs, faulty: 2}, 3, 5 * time.Second, false},
		"2 s late from now on": {remote{fault: late(2 * time.Second), faulty: always}, 2, 4 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := test.remote
				tokens := &credential.Ring{Read: func(context.Context) ([]credential.Value, error) {
					return []credential.Value{credential.New("token-EXAMPLE")}, nil
				}}
				api := &heroku.API{URL: "http://heroku.example", Tokens: tokens, Transport: &r}
				began := time.Now()
				_, err := api.ConfigVars(t.Context(), "shop")
				if (err != nil) != test.fails || r.tries != test.tries || time.Since(began) > test.most {
					t.Errorf("%d tries in %v, error %v", r.tries, time.Since(began), err)
				}
			})
		})
	}
}

package heroku_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"testing"
	"testing/synctest"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/heroku"
)

// answer is a Heroku that says one thing.
type answer struct {
	status int
	body   []byte
	left   string // the header RateLimit-Remaining
	calls  int
}

func (a *answer) RoundTrip(req *http.Request) (*http.Response, error) {
	a.calls++
	return &http.Response{
		StatusCode: a.status,
		Header:     http.Header{"Content-Type": {"application/json"}, "Ratelimit-Remaining": {a.left}},
		Body:       io.NopCloser(bytes.NewReader(a.body)),
		Request:    req,
	}, nil
}

var (
	// unreadable and refusal match all texts of errors. The only part of the answer in
	// them is Heroku's id of the error, in lower-case letters.
	unreadable = regexp.MustCompile(`\Areading the config vars of app shop: Heroku's answer could not be read\z`)
	refusal    = regexp.MustCompile(`\Areading the config vars of app shop: ` +
		`Heroku answered [1-9][0-9]{2}(?: ([a-z_]{1,40}))?(?:: (?:the API token|the app|the account|either the API token is refused)[^{}"]*)?\z`)
)

// FuzzConfigVars uses any bytes as Heroku's answer. It runs in a synctest bubble, where
// the pauses between tries take no time.
func FuzzConfigVars(f *testing.F) {
	for _, seed := range []string{
		"", "null", "{}", `{"DATABASE_URL":"postgres://u1:pEXAMPLE@h/d1","NULL":null}`, `{"A":1}`, `{"A":"cut`, `{"A":"b"} `, `["A"]`,
		`{"id":"not_found","message":"EXAMPLE","url":""}`, `{"id":"EXAMPLE token"}`, `{"id":["x"]}`, "<html>EXAMPLE</html>", "{\"\xff\":\"\xff\"}",
	} {
		for _, status := range []uint16{200, 401, 402, 403, 404, 410, 422, 429, 503} {
			f.Add(status-200, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, status uint16, body []byte) {
		synctest.Test(t, func(t *testing.T) {
			fixture := &answer{status: 200 + int(status)%400, body: body}
			api := &heroku.API{URL: "http://heroku.invalid", Transport: fixture, Tokens: &credential.Ring{Read: token}}
			vars, err := api.ConfigVars(t.Context(), "shop")
			fixture.check(t, vars, err)
		})
	})
}

func token(context.Context) ([]credential.Value, error) {
	return []credential.Value{credential.New("HRKU-EXAMPLE")}, nil
}

// check fails the test unless the config vars are what the body says, or the
// error says nothing of the body.
func (a *answer) check(t *testing.T, vars map[string]credential.Value, err error) {
	t.Helper()
	if a.calls > 3 {
		t.Errorf("%d calls", a.calls)
	}
	var said map[string]*string
	readable := json.NewDecoder(bytes.NewReader(a.body)).Decode(&said) == nil && said != nil
	if a.status/100 != 2 || !readable {
		if err == nil || vars != nil || !a.silent(err.Error()) {
			t.Errorf("%d config vars of %d %q, and the error: %v", len(vars), a.status, a.body, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range said {
		if got, has := vars[name]; has != (value != nil) || has && got.Reveal() != *value {
			t.Errorf("config var %q: has it a value? %t", name, has)
		}
	}
	for name := range vars {
		if said[name] == nil {
			t.Errorf("config var %q is not in the answer", name)
		}
	}
}

// silent reports whether an error is one of those that show nothing of the answer.
func (a *answer) silent(text string) bool {
	if a.status/100 == 2 {
		return unreadable.MatchString(text)
	}
	var body struct{ ID string }
	found := refusal.FindStringSubmatch(text)
	return found != nil && (found[1] == "" || json.NewDecoder(bytes.NewReader(a.body)).Decode(&body) == nil && body.ID == found[1])
}

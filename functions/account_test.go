package functions_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/herokutest"
	"keepcurrent.example/internal/stacktest"
)

// Two accounts of one Heroku, which tells them apart by their tokens.
func TestASecretCanFollowAnAppOfAnotherAccount(t *testing.T) {
	t.Parallel()
	other, err := herokutest.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	var own *url.URL // set before the first request
	theirs, _ := url.Parse(other.URL)
	front := httptest.NewServer(&httputil.ReverseProxy{
		Transport: &http.Transport{DisableKeepAlives: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			if r.In.Header.Get("Authorization") == "Bearer "+other.Token() {
				r.SetURL(theirs)
			} else {
				r.SetURL(own)
			}
		},
	})
	t.Cleanup(front.Close)
	s := start(t, stacktest.Config{Env: []string{"HEROKU_API_URL=" + front.URL}})
	own, err = url.Parse(s.Heroku.URL)
	s.must(err)
	name, token := "team-b/heroku-token", other.Token()
	_, err = s.AWS.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &token})
	s.must(err)
	for _, of := range []struct {
		heroku *herokutest.Server
		tags   []string
		secret string
	}{{s.Heroku, nil, "own/database"}, {other, []string{"heroku:token=" + name}, "other/database"}} {
		db, err := s.Database(t.Context())
		s.must(err)
		of.heroku.Provision(of.heroku.CreateApp("shop"), db) // the same name in both: an app's name alone says nothing
		secret, err := s.Bind(t.Context(), "shop", of.secret, append(of.tags, "heroku:format=url")...)
		s.must(err)
		s.poll()
		if s.value(secret) != db.URL()+"?sslmode=require" {
			t.Errorf("%s does not hold the URL of its own account's app", of.secret)
		}
	}

	// Nothing that is no token goes to Heroku, whatever secret the tag names.
	calls := len(other.Calls()) + len(s.Heroku.Calls())
	_, err = s.Bind(t.Context(), "thief", "thief/database", "heroku:token=own/database")
	s.must(err)
	_, err = s.Bind(t.Context(), "thief", "thief/2", "heroku:token=no-such-secret")
	s.must(err)
	if message := s.failingPoll(); !strings.Contains(message, "2 of 4 bindings failed") {
		t.Error(message)
	}
	// Nobody but a person can mend that, so Heroku need not call again.
	event := string(s.Heroku.CreateApp("thief").ReleaseEvent("create"))
	if status := s.deliver(request{body: event}); status != 204 {
		t.Errorf("status %d", status)
	}
	if now := len(other.Calls()) + len(s.Heroku.Calls()); now != calls {
		t.Errorf("%d kinds of calls, and before %d", now, calls)
	}
}

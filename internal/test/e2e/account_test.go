package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// otherToken is the secret with the token of the other account.
const otherToken = "team-b/heroku-token"

// startWithTwoAccounts starts a stack whose Heroku has a second account. The token of a
// request decides which account answers.
func startWithTwoAccounts(t *testing.T) (s *stack, other *herokutest.Server) {
	t.Helper()
	other, err := herokutest.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	front := httptest.NewServer(&httputil.ReverseProxy{
		Transport: &http.Transport{DisableKeepAlives: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			account := s.Heroku
			if r.In.Header.Get("Authorization") == "Bearer "+other.Token() {
				account = other
			}
			to, _ := url.Parse(account.URL) // an httptest server's
			r.SetURL(to)
		},
	})
	t.Cleanup(front.Close)
	s = start(t, stacktest.Config{Env: []string{"HEROKU_API_URL=" + front.URL}})
	s.create(otherToken, other.Token())
	return s, other
}

func TestASecretCanFollowAnAppOfAnotherAccount(t *testing.T) {
	t.Parallel()
	s, other := startWithTwoAccounts(t)
	tests := []struct {
		account *herokutest.Server
		secret  string
		tags    []string
	}{
		{s.Heroku, "own/database", nil},
		{other, "other/database", []string{"heroku:token=" + otherToken}},
	}
	for _, tt := range tests {
		db := s.database()
		tt.account.Provision(tt.account.CreateApp("shop"), db) // the same name in both: an app's name alone says nothing
		secret := s.bind("shop", tt.secret, append(tt.tags, "heroku:format=url")...)
		s.poll()
		if s.value(secret) != db.URL()+"?sslmode=require" {
			t.Errorf("%s does not hold the URL of its own account's app", tt.secret)
		}
	}
}

func TestNothingThatIsNoTokenGoesToHerokuWhateverSecretTheTagNames(t *testing.T) {
	t.Parallel()
	s, other := startWithTwoAccounts(t)
	s.create("shop/database", "postgres://u:pEXAMPLE@db.example/d")
	s.bind("thief", "thief/1", "heroku:token=shop/database")
	s.bind("thief", "thief/2", "heroku:token=no-such-secret")
	if message := s.failingPoll(); !strings.Contains(message, "2 of 2 bindings failed") {
		t.Error(message)
	}
	// Only a person can fix that, so Heroku need not call again.
	if status := s.announce(s.Heroku.CreateApp("thief")); status != 204 {
		t.Errorf("status %d", status)
	}
	if own, others := s.Heroku.Calls(), other.Calls(); len(own)+len(others) > 0 {
		t.Errorf("calls of Heroku: %v %v", own, others)
	}
}

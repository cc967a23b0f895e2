package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/stacktest"
)

const configVars = "GET /apps/{app}/config-vars"

// hurried is a webhook that has 2 s for a run, so that a test need not wait for its whole
// patience.
var hurried = stacktest.Config{Timeout: 3 * time.Second}

// After every faulty answer of Heroku, the webhook asks for a retry, the poller names the
// error, the secret stays as it was, and the next trigger without a fault heals.
func TestTroubleWithHeroku(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault herokutest.Fault
		says  string // the poller, which fails; if it says nothing it defers the binding
	}{
		"401":                  {herokutest.Refuse(401, "unauthorized"), "the API token works, but not for this app"},
		"403":                  {herokutest.Refuse(403, "forbidden"), "lacks the scope read-protected"},
		"a suspended app":      {herokutest.Refuse(403, "suspended"), "the app or its account is suspended"},
		"404":                  {herokutest.Refuse(404, "not_found"), "check the tag heroku:app"},
		"429":                  {herokutest.Refuse(429, "rate_limit"), ""},
		"500":                  {herokutest.Refuse(500, "internal_server_error"), "Heroku answered 500"},
		"503 of HTML":          {herokutest.HTML503(), "Heroku answered 503"},
		"a redirect":           {herokutest.Status(302, "text/html", "elsewhere"), "Heroku answered 302"},
		"cut JSON":             {herokutest.CutBody(), "could not be read"},
		"null":                 {herokutest.Null(), "could not be read"},
		"a list":               {herokutest.Status(200, "application/json", `["DATABASE_URL"]`), "could not be read"},
		"a page":               {herokutest.Status(200, "text/html", "<html>EXAMPLE"), "could not be read"},
		"a dropped connection": {herokutest.Drop(), "reading the config vars of app shop"},
		"a time-out":           {herokutest.Hang(), "deadline"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, hurried)
			before := s.value(s.secret)
			s.rotate()
			heal := s.Heroku.Wrap(herokutest.On(configVars, tt.fault))
			s.expectTrouble(tt.says)
			if s.value(s.secret) != before {
				t.Error("the secret has changed")
			}
			s.untouched()
			heal()
			s.poll()
			s.equal()
		})
	}
}

// expectTrouble fails the test unless the webhook asks to be called again and the
// poller says what is wrong.
func (s *shop) expectTrouble(says string) {
	s.t.Helper()
	if status := s.announce(s.app); status != 503 {
		s.t.Errorf("the webhook answers %d", status)
	}
	if says != "" {
		if message := s.failingPoll(); !strings.Contains(message, says) {
			s.t.Errorf("the poller does not say %q: %s", says, message)
		}
		return
	}
	report := s.poll()
	if report.Deferred != 1 || report.DeferredBecause["Heroku's rate limit is used up"] != 1 {
		s.t.Errorf("report: %+v", report)
	}
}

func TestAShortTroubleIsTriedAgainWithinTheRun(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]herokutest.Fault{
		"500": herokutest.Refuse(500, "x"), "cut JSON": herokutest.CutBody(), "a dropped connection": herokutest.Drop(), "null": herokutest.Null(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{})
			s.rotate()
			defer s.Heroku.Wrap(herokutest.On(configVars, herokutest.Times(2, fault)))()
			if status := s.announce(s.app); status != 204 {
				t.Errorf("status %d", status)
			}
			s.equal()
		})
	}
}

// For a config var that no consumer could use, the webhook's answer is 503, the contract's
// only answer for "could not finish".
func TestTroubleWithTheConfigVar(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spoil func(s *shop)
		says  string
	}{
		"missing":        {func(s *shop) { s.app.Unset("DATABASE_URL") }, "no such config var"},
		"null":           {func(s *shop) { s.app.SetNull("DATABASE_URL") }, "no such config var"},
		"empty":          {func(s *shop) { s.app.Set("DATABASE_URL", "") }, "it is empty"},
		"not a URL":      {func(s *shop) { s.app.Set("DATABASE_URL", "hunter2-EXAMPLE") }, "scheme"},
		"another scheme": {func(s *shop) { s.app.Set("DATABASE_URL", "mysql://u:pEXAMPLE@h/d") }, "scheme"},
		"no host":        {func(s *shop) { s.app.Set("DATABASE_URL", "postgres://u:pEXAMPLE@/d") }, "no host"},
		"no database":    {func(s *shop) { s.app.Set("DATABASE_URL", "postgres://u:pEXAMPLE@h") }, "no database"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, hurried)
			before := s.value(s.secret)
			tt.spoil(s)
			s.expectTrouble(tt.says)
			if s.value(s.secret) != before {
				t.Error("the secret has changed")
			}
			s.untouched()
			s.app.Set("DATABASE_URL", s.db.URL())
			s.poll()
			s.equal()
		})
	}
}

func TestUnusualURLsArePublishedUnharmed(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{
		"percent-encoded password": "postgres://u%40x:p%2F%3AEXAMPLE%25@db.example:5432/d%2F1",
		"IPv6 host":                "postgres://u:pEXAMPLE@[2001:db8::1]:5432/d",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, stacktest.Config{})
			s.Heroku.CreateApp("unusual").Set("DATABASE_URL", url)
			secret := s.bind("unusual", "unusual/url", "heroku:format=url", "heroku:verify=off")
			s.poll()
			if got := s.value(secret); got != url+"?sslmode=require" {
				t.Errorf("the secret is %s", got)
			}
		})
	}
}

// An outage of the database is no reason to publish a URL that is refused.
func TestADatabaseThatIsAwayAtTheFirstValue(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	second := s.bind(s.app.Name, "shop/second", "heroku:format=url")
	s.must(s.db.Refuse())
	if report := s.poll(); report.Held != 1 || s.value(second) != "" {
		t.Errorf("report: %+v", report)
	}
	s.must(s.db.Accept())
	if report := s.poll(); report.Published != 1 {
		t.Errorf("report: %+v", report)
	}
}

// A person who may set a config var of one app can name a server of their own there. It
// must cost the other apps nothing.
func TestAHostileServerOfOneAppStopsNoOther(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]postgrestest.Fault{
		"parameters without end":           postgrestest.Flood,
		"ten million rounds of SCRAM":      postgrestest.Challenge("r=EXAMPLE,s=c2FsdA==,i=10000000"),
		"silence after the TCP connection": postgrestest.Hang,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{})
			hostile := s.database()
			hostile.Intercept(func() postgrestest.Fault { return fault })
			for n := range 5 {
				app := s.Heroku.CreateApp(fmt.Sprint("hostile-", n))
				app.Set("DATABASE_URL", hostile.URL())
				s.bind(app.Name, fmt.Sprint("hostile/", n))
			}
			s.rotate()
			if report := s.poll(); report.Published != 1 || report.Held != 5 {
				t.Errorf("report: %+v", report)
			}
			s.equal()
			if strings.Contains(string(s.Poller.Logs()), "fatal error") {
				t.Error("the process of the poller has died")
			}
		})
	}
}

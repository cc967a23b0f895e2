package e2e_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"keepcurrent.example/internal/report"
	"keepcurrent.example/internal/test/cloudwatch"
	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/lambdatest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// measured reads the log as CloudWatch does.
func (s *stack) measured(f *lambdatest.Function) map[string][]float64 {
	s.t.Helper()
	name := "webhook"
	if f == s.Poller {
		name = "poller"
	}
	embedded, err := cloudwatch.Embedded(f.Logs())
	s.must(err)
	all := make(map[string][]float64)
	for _, m := range embedded {
		if m.Namespace != "keepcurrent" || m.Of != name || m.Unit == "" || m.Unit != report.MetricUnits[m.Name] {
			s.t.Errorf("a metric of %s: %+v", name, m)
		}
		all[m.Name] = append(all[m.Name], m.Value)
	}
	return all
}

// within fails the test unless the function has measured that many values, all within the
// bounds.
func (s *stack) within(f *lambdatest.Function, name string, values int, least, most float64) {
	s.t.Helper()
	got := s.measured(f)[name]
	if len(got) != values || values > 0 && (slices.Min(got) < least || slices.Max(got) > most) {
		s.t.Errorf("%s is %v, want %d values from %v to %v", name, got, values, least, most)
	}
}

// sum is like within for a count: it checks the sum of the values.
func (s *stack) sum(f *lambdatest.Function, name string, want float64) {
	s.t.Helper()
	got := 0.0
	for _, value := range s.measured(f)[name] {
		got += value
	}
	if got != want {
		s.t.Errorf("%s is %v in all, want %v", name, got, want)
	}
}

func TestBothFunctionsMeasureWhatTheyDid(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true, Concurrency: 1})
	// The first poll filled the secret: a publication, and none that was missed.
	s.sum(s.Poller, "Published", 1)
	s.sum(s.Poller, "Bindings", 1)
	s.sum(s.Poller, "FoundByPoller", 0)
	s.sum(s.Poller, "GoodRounds", 1)
	s.within(s.Poller, "GoodRoundAge", 0, 0, 0)
	s.within(s.Poller, "HerokuRequestsLeft", 1, 4490, 4500)
	s.within(s.Poller, "LoginTime", 1, 0.01, 5000)

	// Heroku tells of the release twice: when it is made, and when it is done.
	s.rotate()
	s.idle()
	s.sum(s.Webhook, "Published", 1)
	s.sum(s.Webhook, "Unchanged", 1)
	s.within(s.Webhook, "Lag", 1, 0, 28)
	s.within(s.Webhook, "LoginTime", 2, 0.01, 5000)
	s.within(s.Webhook, "HerokuRequestsLeft", 2, 4480, 4500)

	s.Heroku.SetPolicy(herokutest.Policy{Drop: true})
	s.rotate()
	s.poll()
	s.sum(s.Poller, "FoundByPoller", 1)
	s.within(s.Poller, "Lag", 1, 0, 60)
	s.within(s.Poller, "GoodRoundAge", 0, 0, 0)

	s.Heroku.Wrap(herokutest.Refuse(401, "unauthorized"))
	s.failingPoll()
	s.sum(s.Poller, "TokenRefused", 1)
	s.sum(s.Poller, "Failed", 1)
	s.sum(s.Poller, "InTrouble", 1)
	s.sum(s.Poller, "GoodRounds", 2)
	s.within(s.Poller, "GoodRoundAge", 1, 0, 60)

	s.deliver(request{body: string(s.app.ReleaseEvent("update")), key: "EXAMPLE of a stranger"})
	s.sum(s.Webhook, "BadSignatures", 1)
}

// A round that dies while it checks webhooks has updated the secrets, and all the same it is
// not well.
func TestARoundThatDiesBeforeItsEndHasNoHeartbeat(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	s.Heroku.Wrap(herokutest.On("GET /apps/{app}/webhooks", func(http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { s.Poller.Kill() })
	}))
	s.bind(s.app.Name, "shop/another") // which is a reason to check the webhook
	if report, err := s.Poll(t.Context()); err == nil {
		t.Errorf("the poll did not die: %+v", report)
	}
	s.sum(s.Poller, "GoodRounds", 1) // of the first poll
}

// Names are global at Heroku, so a typing error can name another account's app. The token
// is not to blame.
func TestAnAppOfAnotherAccountRaisesNoAlarmAboutTheToken(t *testing.T) {
	t.Parallel()
	s := start(t, hurried)
	s.bind(s.Heroku.CreateForeignApp("shopp").Name, "shopp/database")
	message := s.failingPoll()
	for _, part := range []string{"403 forbidden", "the API token works, but not for this app", "heroku:app"} {
		if !strings.Contains(message, part) {
			t.Errorf("the poller does not say %q: %s", part, message)
		}
	}
	s.within(s.Poller, "Failed", 1, 1, 1)
	s.within(s.Poller, "TokenRefused", 0, 0, 0)
}

package e2e_test

import (
	"strings"
	"testing"

	"keepcurrent.example/internal/testserver/stacktest"
)

func TestAPausedStackWritesNothingAndSaysWhatItWould(t *testing.T) {
	t.Parallel()
	s := start(t, stacktest.Config{SelfSubscribe: true, Env: []string{"PAUSE=on"}})
	app := s.Heroku.CreateApp("shop")
	s.Heroku.Provision(app, s.database())
	secret := s.bind(app.Name, "shop/database")
	if report := s.poll(); !report.DryRun || report.Published != 1 || report.Subscriptions != nil {
		t.Errorf("report: %+v", report)
	}
	if status := s.announce(app); status != 204 {
		t.Errorf("status %d", status)
	}
	s.untouched()
	if calls := s.Heroku.Calls(); len(calls) != 1 || s.value(secret) != "" {
		t.Errorf("calls of Heroku: %v", calls)
	}
	for name, log := range map[string][]byte{"webhook": s.Webhook.Logs(), "poller": s.Poller.Logs()} {
		if !strings.Contains(string(log), `"would be published"`) || strings.Contains(string(log), `"msg":"published"`) {
			t.Errorf("the %s does not say that it only would", name)
		}
	}
}

func TestAfterAPauseOnePollCatchesUp(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	deploy := func(pause string) {
		for _, leak := range s.Leaks() { // a new deployment has new logs
			t.Error(leak)
		}
		s.must(s.Deploy(stacktest.Config{Functions: compiled, SelfSubscribe: true, Env: []string{"PAUSE=" + pause}}))
	}
	deploy("on")
	before := s.value(s.secret)
	s.rotate()
	s.idle()
	if report := s.poll(); !report.DryRun || report.Published != 1 || s.value(s.secret) != before {
		t.Errorf("report of the pause: %+v", report)
	}
	s.sum(s.Poller, "Pending", 1)
	s.sum(s.Poller, "Published", 0)
	s.sum(s.Poller, "FoundByPoller", 0)
	deploy("off")
	if report := s.poll(); report.Published != 1 {
		t.Errorf("report after the pause: %+v", report)
	}
	s.equal()
}

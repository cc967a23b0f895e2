package functions_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/stacktest"
)

func TestAThousandIdlePollsWriteNothingAndReadNoSecret(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	for i := range 9 {
		s.bind(s.app.Name, fmt.Sprint("shop/", i))
	}
	if report := s.poll(); report.Published != 9 {
		t.Fatalf("report: %+v", report)
	}
	s.Secrets.ResetCalls()
	for range 1000 {
		if report := s.poll(); report.Unchanged != 10 || report.Bindings != 10 {
			t.Fatalf("report: %+v", report)
		}
	}
	s.awsCalls(map[string]int{"ListSecrets": 1000})
	if s.Poller.Starts() != 1 {
		t.Errorf("%d cold starts", s.Poller.Starts())
	}
}

func TestAnyEventRunsARound(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	for _, event := range []string{`{}`, `null`, `[]`, `"now"`, `{"source":"aws.events","detail-type":"Scheduled Event"}`} {
		if report := s.poll(event); report.Unchanged != 1 {
			t.Errorf("%s: %+v", event, report)
		}
	}
}

func TestTheInvocationFailsAfterAllOtherBindingsAreDone(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	s.bind(s.app.Name, "shop/bad", "heroku:config-var=NO_SUCH_URL")
	s.bind("gone", "gone/bad")
	s.rotate()
	message := s.failingPoll()
	for _, part := range []string{"2 of 3 bindings failed", "NO_SUCH_URL", "shop/bad", "gone/bad", "404 not_found", "heroku:app"} {
		if !strings.Contains(message, part) {
			t.Errorf("the error does not say %q: %s", part, message)
		}
	}
	s.equal()
}

func TestDryRunReportsAndWritesNothing(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	s.rotate()
	report := s.poll(`{"dryRun": true}`)
	if !report.DryRun || report.Published != 1 || report.Changes[0].App != "shop" {
		t.Errorf("report: %+v", report)
	}
	s.untouched()
	if _, err := s.Poll(t.Context(), `{"dryRun": "yes"}`); err == nil {
		t.Error("a dryRun that is no boolean ran a round")
	}
	s.untouched()
	s.poll()
	s.equal()
}

// A person reads this before the first round that writes, and whenever in doubt.
func TestADryRunSaysOfEveryBindingWhatWouldChange(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	s.bind(s.app.Name, "shop/new")
	s.bind(s.app.Name, "shop/off", "heroku:sync=off")
	s.bind(s.app.Name, "shop/tag", "heroku:format=xml")
	_, err := s.Platform.AppWebhookDelete(t.Context(), s.app.Name, s.webhooks()[0])
	s.must(err)
	s.plan("shop/database unchanged [] true",
		"shop/new published [everything] true",
		"shop/off off [] ",
		"shop/tag failed [] ")
	s.rotate()
	s.plan("shop/database published [password] true",
		"shop/new published [everything] true",
		"shop/off off [] ",
		"shop/tag failed [] ")
	s.app.Set("DATABASE_URL", strings.Replace(s.db.URL(), ":"+s.password(), ":wrong-EXAMPLE", 1))
	s.plan("shop/database published [password] false", // what it holds no longer logs in either: it cannot get worse
		"shop/new held [everything] false",
		"shop/off off [] ",
		"shop/tag failed [] ")
	s.untouched()
	if len(s.measured(s.Poller)["Published"]) != 1 {
		t.Error("a dry run has metrics")
	}
}

// plan fails the test unless a dry run says this: of each binding the secret, the
// outcome, what would change, and whether the new value logs in, if it was tried.
func (s *stack) plan(want ...string) {
	s.t.Helper()
	report := s.poll(`{"dryRun": true}`)
	var got []string
	for _, line := range report.Plan {
		logsIn := ""
		if line.LogsIn != nil {
			logsIn = fmt.Sprint(*line.LogsIn)
		}
		got = append(got, fmt.Sprint(line.Secret, " ", line.Outcome, " ", line.Changes, " ", logsIn))
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("plan: %q", got)
	}
	if len(report.Subscriptions) != 1 || report.Subscriptions[0].State != "missing" {
		s.t.Errorf("subscriptions: %+v", report.Subscriptions)
	}
}

func (s *shop) password() string {
	u, err := url.Parse(s.db.URL())
	s.must(err)
	password, _ := u.User.Password()
	return password
}

// Eight apps, and an account that has nothing to spare: each poll looks at one, and
// in as many polls each has been looked at.
func TestThePollerTakesTurnsByTheSchedulesTimeAndLeavesTheReserve(t *testing.T) {
	t.Parallel()
	const apps = 8
	s := start(t, stacktest.Config{Env: []string{"HEROKU_RESERVE=4000", "POLL_MINUTES=5"}})
	s.Heroku.SetRateLimit(3000)
	bind := func(app string) {
		s.Heroku.CreateApp(app).Set("DATABASE_URL", "postgres://u:pEXAMPLE@db.example/d")
		s.bind(app, app, "heroku:verify=off")
	}
	bind("first")
	s.poll() // now it knows what is left
	s.remove("first")
	for i := range apps {
		bind(fmt.Sprint("app-", i))
	}
	begin := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for i := range apps {
		at := begin.Add(time.Duration(i) * 5 * time.Minute).Format(time.RFC3339)
		report := s.poll(`{"scheduled": "` + at + `"}`)
		if report.Published != 1 || report.Deferred != apps-1 {
			t.Errorf("round %d: %+v", i, report)
		}
	}
	for i := range apps {
		if s.value(fmt.Sprint("app-", i)) == "" {
			t.Errorf("app-%d has not had its turn", i)
		}
	}
}

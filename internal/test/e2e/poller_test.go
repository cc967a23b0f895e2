package e2e_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/report"
	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/stacktest"
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
	calls := s.Secrets.Calls()
	lists := calls["ListSecrets"]
	delete(calls, "ListSecrets")
	if len(calls) > 0 || lists < 1000 || lists > 1010 { // a list that takes a second is asked for again
		t.Errorf("%d lists, and %v", lists, calls)
	}
	if s.Poller.Starts() != 1 {
		t.Errorf("%d cold starts", s.Poller.Starts())
	}
}

// The Lambda library reads the payload before the handler does, and treats null as no
// event. So the refusals are tested through Lambda's Runtime API.
func TestAnEventThatIsNotUnderstoodDoesNothingAndAScheduleRunsARound(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	s.rotate()
	s.Secrets.ResetCalls()
	s.Heroku.ResetCalls()
	for _, event := range []string{
		`null`, `[]`, `"{\"dryRun\":true}"`, `7`, `{"dry_run":true}`, `{"dryRun":null}`, `{"dryRun":"yes"}`, `{"dryRun":true,"dryRun":false}`,
		`{"detail":{"dryRun":true}}`, `{"unsubscribe":""}`, `{"dryRun":true,"unsubscribe":"shop"}`, `{"key1":"value1"}`,
	} {
		report, err := s.Poll(t.Context(), event)
		if err == nil || !strings.Contains(err.Error(), `{"dryRun": true}`) {
			t.Errorf("%s: %v, %+v", event, err, report)
		}
	}
	s.awsCalls(map[string]int{})
	if calls := s.Heroku.Calls(); len(calls) > 0 {
		t.Errorf("calls of Heroku: %v", calls)
	}
	if n := strings.Count(string(s.Poller.Logs()), `"event refused"`); n != 12 {
		t.Errorf("the log tells of %d refusals", n)
	}
	if report := s.poll(`{"dryrun":true}`); !report.DryRun || report.Published != 1 {
		t.Errorf("report: %+v", report)
	}
	s.untouched()
	if report := s.poll(`{"source":"aws.events","detail-type":"Scheduled Event"}`); report.Published != 1 {
		t.Errorf("report: %+v", report)
	}
	s.equal()
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
	s.poll()
	s.equal()
}

// A person reads a dry run before the first round that writes, and when in doubt.
func TestADryRunSaysOfEveryBindingWhatWouldChange(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	s.bind(s.app.Name, "shop/new")
	s.bind(s.app.Name, "shop/off", "heroku:sync=off")
	s.bind(s.app.Name, "shop/tag", "heroku:format=xml")
	_, err := s.Platform.AppWebhookDelete(t.Context(), s.app.Name, s.webhooks()[0])
	s.must(err)
	off := planned{secret: "shop/off", outcome: "off"}
	bad := planned{secret: "shop/tag", outcome: "failed"}
	expect := func(want ...planned) {
		t.Helper()
		report := s.poll(`{"dryRun": true}`)
		if got := planOf(report); !slices.Equal(got, want) {
			t.Errorf("the plan is\n%+v, want\n%+v", got, want)
		}
		if len(report.Subscriptions) != 1 || report.Subscriptions[0].State != "missing" {
			t.Errorf("the webhook is deleted, and the report says of it: %+v", report.Subscriptions)
		}
	}
	expect(
		planned{secret: "shop/database", outcome: "unchanged", logsIn: "yes"},
		planned{secret: "shop/new", outcome: "published", changes: "everything", logsIn: "yes"},
		off, bad)
	s.rotate()
	expect(
		planned{secret: "shop/database", outcome: "published", changes: "password", logsIn: "yes"},
		planned{secret: "shop/new", outcome: "published", changes: "everything", logsIn: "yes"},
		off, bad)
	s.app.Set("DATABASE_URL", strings.Replace(s.db.URL(), ":"+s.password(), ":wrong-EXAMPLE", 1))
	expect(
		// The secret's value does not log in either, so publishing cannot make it worse.
		planned{secret: "shop/database", outcome: "published", changes: "password", logsIn: "no"},
		planned{secret: "shop/new", outcome: "held", changes: "everything", logsIn: "no"},
		off, bad)
	s.untouched()
	if len(s.measured(s.Poller)["Published"]) != 1 {
		t.Error("a dry run has metrics")
	}
}

// Only a person who plans a rotation needs to know, so no round asks.
func TestADryRunSaysWhoseCredentialEachURLHas(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	s.addon.AttachCredential("REPORTS", "analyst", s.database())
	s.app.Set("COPY_URL", s.db.URL())
	for _, v := range []string{"REPORTS", "COPY"} {
		s.bind(s.app.Name, "shop/"+v, "heroku:config-var="+v+"_URL")
	}
	const attachments = "GET /apps/{app}/addon-attachments"
	credentials := func() (all string) {
		s.Heroku.ResetCalls()
		for _, line := range s.poll(`{"dryRun": true}`).Plan {
			all += fmt.Sprint(line.Secret, " ", line.Outcome, " ", line.Credential, "; ")
		}
		if n := s.Heroku.Calls()[attachments]; n == 0 {
			t.Error("Heroku was not asked")
		}
		return all
	}
	if got := credentials(); got != "shop/COPY published unknown; shop/REPORTS published named; shop/database unchanged default; " || s.Heroku.Calls()[attachments] != 1 {
		t.Errorf("%s after %v", got, s.Heroku.Calls())
	}
	s.Heroku.Wrap(herokutest.On(attachments, herokutest.Refuse(403, "forbidden"))) // the token's scope is too small
	if got := credentials(); got != "shop/COPY published unknown; shop/REPORTS published unknown; shop/database unchanged unknown; " {
		t.Errorf("%s", got)
	}
	s.Heroku.ResetCalls()
	if report := s.poll(); report.Published != 2 || s.Heroku.Calls()[attachments] > 0 {
		t.Errorf("report: %+v, calls %v", report, s.Heroku.Calls())
	}
}

// planned is the plan's line about one binding.
type planned struct {
	secret, outcome string
	changes         string // the parts of the value that would be new
	logsIn          string // whether the new value does: yes, no, or "" if it was not tried
}

func planOf(report report.Report) (plan []planned) {
	for _, line := range report.Plan {
		p := planned{secret: string(line.Secret), outcome: string(line.Outcome)}
		for i, part := range line.Changes {
			if i > 0 {
				p.changes += ", "
			}
			p.changes += string(part)
		}
		switch {
		case line.LogsIn == nil:
		case *line.LogsIn:
			p.logsIn = "yes"
		default:
			p.logsIn = "no"
		}
		plan = append(plan, p)
	}
	return plan
}

func (s *shop) password() string {
	u, err := url.Parse(s.db.URL())
	s.must(err)
	password, _ := u.User.Password()
	return password
}

// The account of eight apps has no requests to spare, so each poll checks one app, and
// eight polls check all of them.
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
			t.Errorf("app-%d was not checked", i)
		}
	}
}

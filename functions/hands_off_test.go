package functions_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/herokutest"
	"keepcurrent.example/internal/stacktest"
)

// webhooks lists the ids of the app's webhooks.
func (s *shop) webhooks() (ids []string) {
	s.t.Helper()
	list, err := s.Platform.AppWebhookList(s.t.Context(), s.app.Name, nil)
	s.must(err)
	for _, w := range list {
		ids = append(ids, w.ID)
	}
	return ids
}

func TestTheFirstPollSubscribesWithNobodyHelping(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	if ids := s.webhooks(); len(ids) != 1 {
		t.Fatalf("%d webhooks", len(ids))
	}
	s.must(s.addon.Rotate(t.Context()))
	s.idle()
	s.equal()
	s.Heroku.ResetCalls()
	if report := s.poll(); report.Unchanged != 1 || report.Subscriptions != nil {
		t.Errorf("report: %+v", report)
	}
	if calls := s.Heroku.Calls(); len(calls) != 1 {
		t.Errorf("an idle poll looked at more than the config vars: %v", calls)
	}
}

func TestADeletedSubscriptionComesBackWithTheNextMiss(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	_, err := s.Platform.AppWebhookDelete(t.Context(), s.app.Name, s.webhooks()[0])
	s.must(err)
	s.must(s.addon.Rotate(t.Context()))
	report := s.poll()
	if report.Published != 1 || len(report.Subscriptions) != 1 || report.Subscriptions[0].Did != "subscribed" {
		t.Errorf("report: %+v", report)
	}
	s.equal()
	s.must(s.addon.Rotate(t.Context()))
	s.idle()
	s.equal()
}

// Releases are made all the time, and their deliveries are signed with the key that
// Heroku was told last: at first the one before.
func TestChangingTheSigningKeyUnderLoadLosesNoDelivery(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	done := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
				s.app.Set("OTHER", fmt.Sprint(n))
				s.idle() // one release at a time is load enough: two deliveries each
			}
		}
	})
	id := stacktest.SigningSecret
	for n, key := range []string{"second-key-EXAMPLE", "third-key-EXAMPLE"} {
		_, err := s.AWS.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &key})
		s.must(err)
		s.Webhook.Kill() // as if the key had been at rest for a while: a warm container reads it again after 30 s
		_, err = s.Bind(t.Context(), s.app.Name, fmt.Sprint("shop/another-", n))
		s.must(err)
		report := s.poll() // a new binding is a reason to look
		if len(report.Subscriptions) != 1 || report.Subscriptions[0].Did != "mended" {
			t.Errorf("report: %+v", report)
		}
		s.must(s.addon.Rotate(t.Context()))
		s.idle()
		s.equal()
	}
	close(done)
	load.Wait()
	deliveries, err := s.Platform.AppWebhookDeliveryList(t.Context(), s.app.Name, nil)
	s.must(err)
	for _, d := range deliveries {
		if d.Status != "succeeded" {
			t.Errorf("delivery %s: %s", d.ID, d.Status)
		}
	}
	if strings.Contains(string(s.Webhook.Logs()), "signature refused") {
		t.Error("a delivery was refused")
	}
	t.Logf("%d deliveries", len(deliveries))
}

func TestATokenThatMayNotSubscribeIsAWarning(t *testing.T) {
	t.Parallel()
	s := start(t, stacktest.Config{SelfSubscribe: true})
	db, err := s.Database(t.Context())
	s.must(err)
	s.Heroku.Provision(s.Heroku.CreateApp("shop"), db)
	_, err = s.Bind(t.Context(), "shop", "shop/database")
	s.must(err)
	s.Heroku.Wrap(herokutest.On("POST /apps/{app}/webhooks", herokutest.Refuse(403, "forbidden")))
	report := s.poll()
	if report.Published != 1 || len(report.Subscriptions) != 1 || report.Subscriptions[0].Did != "" ||
		!strings.Contains(report.Subscriptions[0].Error, "heroku authorizations:create") {
		t.Errorf("report: %+v", report)
	}
}

func TestAPausedStackWritesNothingAndSaysWhatItWould(t *testing.T) {
	t.Parallel()
	s := start(t, stacktest.Config{SelfSubscribe: true, Env: []string{"PAUSE=on"}})
	db, err := s.Database(t.Context())
	s.must(err)
	app := s.Heroku.CreateApp("shop")
	s.Heroku.Provision(app, db)
	secret, err := s.Bind(t.Context(), app.Name, "shop/database")
	s.must(err)
	if report := s.poll(); !report.DryRun || report.Published != 1 || report.Subscriptions != nil {
		t.Errorf("report: %+v", report)
	}
	if status := s.deliver(request{body: string(app.ReleaseEvent("create"))}); status != 204 {
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
	s.must(s.addon.Rotate(t.Context()))
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

func TestUnsubscribeRemovesWhatNoTagAsksForAnyMore(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	for _, did := range []string{"unsubscribed", "had none of ours"} {
		report := s.poll(`{"unsubscribe": "shop"}`)
		if len(report.Subscriptions) != 1 || report.Subscriptions[0].Did != did || len(s.webhooks()) != 0 {
			t.Errorf("report: %+v", report)
		}
	}
	s.untouched()
}

// A person reads this before the first round that writes, and whenever in doubt.
func TestADryRunSaysOfEveryBindingWhatWouldChange(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	_, err := s.Bind(t.Context(), s.app.Name, "shop/new")
	s.must(err)
	_, err = s.Bind(t.Context(), s.app.Name, "shop/off", "heroku:sync=off")
	s.must(err)
	_, err = s.Bind(t.Context(), s.app.Name, "shop/tag", "heroku:format=xml")
	s.must(err)
	plan := func(want ...string) {
		t.Helper()
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
			t.Errorf("plan: %q", got)
		}
		if len(report.Subscriptions) != 1 || report.Subscriptions[0].State != "missing" {
			t.Errorf("subscriptions: %+v", report.Subscriptions)
		}
	}
	_, err = s.Platform.AppWebhookDelete(t.Context(), s.app.Name, s.webhooks()[0])
	s.must(err)
	plan("shop/database unchanged [] true",
		"shop/new published [everything] true",
		"shop/off off [] ",
		"shop/tag failed [] ")
	s.must(s.addon.Rotate(t.Context()))
	plan("shop/database published [password] true",
		"shop/new published [everything] true",
		"shop/off off [] ",
		"shop/tag failed [] ")
	s.app.Set("DATABASE_URL", strings.Replace(s.db.URL(), ":"+s.password(), ":wrong-EXAMPLE", 1))
	plan("shop/database published [password] false", // what it holds no longer logs in either: it cannot get worse
		"shop/new held [everything] false",
		"shop/off off [] ",
		"shop/tag failed [] ")
	s.untouched()
	if len(s.measured(s.Poller)["Published"]) != 1 {
		t.Error("a dry run has metrics")
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
	s.Heroku.CreateApp("first").Set("DATABASE_URL", "postgres://u:pEXAMPLE@db.example/d")
	_, err := s.Bind(t.Context(), "first", "first", "heroku:verify=off", "heroku:sync=on")
	s.must(err)
	s.poll() // now it knows what is left
	_, err = s.AWS.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("first"), ForceDeleteWithoutRecovery: aws.Bool(true)})
	s.must(err)
	for i := range apps {
		app := s.Heroku.CreateApp(fmt.Sprint("app-", i))
		app.Set("DATABASE_URL", "postgres://u:pEXAMPLE@db.example/d")
		_, err := s.Bind(t.Context(), app.Name, app.Name, "heroku:verify=off")
		s.must(err)
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

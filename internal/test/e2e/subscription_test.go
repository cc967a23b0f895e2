package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"keepcurrent.example/internal/report"
	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/stacktest"
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

func TestTheFirstPollSubscribesWithoutAPerson(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	if ids := s.webhooks(); len(ids) != 1 {
		t.Fatalf("%d webhooks", len(ids))
	}
	s.rotate()
	s.idle()
	s.equal()
	s.Heroku.ResetCalls()
	for range 2 {
		if report := s.poll(); report.Unchanged != 1 || report.Subscriptions != nil {
			t.Errorf("report: %+v", report)
		}
	}
	calls := s.Heroku.Calls()
	hourly := calls["GET /apps/{app}/webhooks"] // one of the polls can be at the time of the app's check
	if delete(calls, "GET /apps/{app}/webhooks"); len(calls) != 1 || hourly > 1 {
		t.Errorf("idle polls looked at more than the config vars: %v, and %d lists of webhooks", calls, hourly)
	}
}

func TestADeletedSubscriptionComesBackWithTheNextMiss(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	_, err := s.Platform.AppWebhookDelete(t.Context(), s.app.Name, s.webhooks()[0])
	s.must(err)
	s.rotate()
	report := s.poll()
	if report.Published != 1 || len(report.Subscriptions) != 1 || report.Subscriptions[0].Did != "subscribed" {
		t.Errorf("report: %+v", report)
	}
	s.equal()
	s.rotate()
	s.idle()
	s.equal()
}

// Releases are made all the time, and their deliveries are signed with the key that Heroku
// was given last: at first that is the previous key.
func TestChangingTheSigningKeyUnderLoadLosesNoDelivery(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	for n, key := range []string{"second-key-EXAMPLE", "third-key-EXAMPLE"} {
		stop := s.releaseAllTheTime()
		s.put(stacktest.SigningSecret, key)
		release := s.Heroku.HoldDeliveries()
		s.Webhook.Kill() // as if the key had been at rest for a while: a warm container reads it again after 30 s
		report := s.pollNewBinding(fmt.Sprint("shop/another-", n))
		release()
		if len(report.Subscriptions) != 1 || report.Subscriptions[0].Did != "repaired" {
			t.Errorf("report: %+v", report)
		}
		s.rotate()
		stop() // it can release faster than a busy machine delivers, and then it would never be idle
		s.idle()
		s.equal()
	}
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

// pollNewBinding lets a poll fill a new secret, which is a reason to check the webhook. A
// delivery that was under way can be faster than the poll: then it tries another secret.
func (s *shop) pollNewBinding(name string) (report report.Report) {
	s.t.Helper()
	for n := range 20 {
		s.bind(s.app.Name, fmt.Sprint(name, "-", n))
		if report = s.poll(); report.Published > 0 {
			break
		}
	}
	return report
}

// An editor leaves a line end after a key. Both functions must remove it.
func TestALineEndBehindTheSigningKeyDoesNotCount(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	s.put(stacktest.SigningSecret, "second-key-EXAMPLE\n")
	s.Webhook.Kill() // as if the key had been at rest for a while
	s.bind(s.app.Name, "shop/another")
	if report := s.poll(); len(report.Subscriptions) != 1 || report.Subscriptions[0].Did != "repaired" {
		t.Errorf("report: %+v", report)
	}
	s.rotate()
	s.idle()
	s.equal()
}

// releaseAllTheTime makes one release after another until stop is called. One at a time
// is enough load: each has two deliveries.
func (s *shop) releaseAllTheTime() (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var releases sync.WaitGroup
	releases.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			s.app.Set("OTHER", fmt.Sprint(n))
			_ = s.Heroku.DeliveriesIdle(ctx) // or the end of the context, which ends the loop
		}
	})
	stop = func() {
		cancel()
		releases.Wait()
	}
	s.t.Cleanup(stop) // of a test that has failed
	return stop
}

// With the scope read-protected the secrets are kept, and the poller says that the webhook
// is missing until a person has made it.
func TestATokenThatMayOnlyReadKeepsTheSecretsAndTellsOfTheWebhook(t *testing.T) {
	t.Parallel()
	s := start(t, stacktest.Config{SelfSubscribe: true})
	s.Heroku.Provision(s.Heroku.CreateApp("shop"), s.database())
	s.put(stacktest.TokenSecret, s.Heroku.Authorize("read-protected"))
	s.bind("shop", "shop/database")
	report := s.poll()
	if report.Published != 1 || report.Failed != 0 || len(report.Subscriptions) != 1 || report.Subscriptions[0].Did != "" ||
		!strings.Contains(string(report.Subscriptions[0].Error), "the webhook of app shop is missing: ") ||
		!strings.Contains(string(report.Subscriptions[0].Error), "make subscribe APP=shop STACK=…") {
		t.Errorf("report: %+v", report)
	}
	s.sum(s.Poller, "WebhookWrong", 0) // the person who has bound the secret makes the webhook next
	inAnHour := fmt.Sprintf(`{"scheduled":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
	s.poll(inAnHour)
	s.sum(s.Poller, "WebhookWrong", 1)
	s.sum(s.Poller, "TokenRefused", 0)
	s.state("missing")
	untilTheNextSecond()
	s.must(s.Subscribe(t.Context(), "shop")) // as a person does
	s.state("right")
	s.bind("shop", "shop/another") // which is a reason to check
	if report := s.poll(); report.Published != 1 || report.Subscriptions != nil {
		t.Errorf("report: %+v", report)
	}
	s.sum(s.Poller, "WebhookWrong", 1)
	s.Heroku.Wrap(herokutest.On("GET /apps/{app}/webhooks", herokutest.Refuse(403, "forbidden")))
	s.state("unknown")
}

// untilTheNextSecond waits because a webhook is dated in whole seconds, and must be younger than
// the signing key.
func untilTheNextSecond() { time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) }

// state fails the test unless a dry run says so of the app's webhook.
func (s *stack) state(want string) {
	s.t.Helper()
	report := s.poll(`{"dryRun": true}`)
	if len(report.Subscriptions) != 1 || string(report.Subscriptions[0].State) != want || report.Subscriptions[0].Error != "" {
		s.t.Errorf("subscriptions: %+v, want %s", report.Subscriptions, want)
	}
}

// A problem that all apps share must not make the report grow with their number.
func TestARoundNamesAHundredSubscriptionsAndCountsTheRest(t *testing.T) {
	t.Parallel()
	const apps = 120
	s := start(t, stacktest.Config{SelfSubscribe: true})
	for i := range apps {
		app := s.Heroku.CreateApp(fmt.Sprint("shop-", i))
		app.Set("DATABASE_URL", "postgres://u:pEXAMPLE@db.example/d")
		s.bind(app.Name, app.Name, "heroku:verify=off")
	}
	s.Heroku.Wrap(herokutest.On("POST /apps/{app}/webhooks", herokutest.Refuse(403, "forbidden")))
	report := s.poll()
	if report.Published != apps || len(report.Subscriptions) != 100 || report.LeftOut["subscriptions"] != apps-100 || report.LeftOut["changes"] != apps-100 {
		t.Errorf("%d published, %d subscriptions, left out: %v", report.Published, len(report.Subscriptions), report.LeftOut)
	}
	if n := strings.Count(string(s.Poller.Logs()), `"msg":"subscription"`); n != 100 {
		t.Errorf("%d lines about subscriptions", n)
	}
	if n := s.Heroku.Calls()["GET /account/rate-limits"]; n != 1 {
		t.Errorf("the token was checked %d times", n)
	}
}

func TestUnsubscribeRemovesWhatNoTagAsksForAnyMore(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	for _, did := range []string{"unsubscribed", "had none of ours"} {
		report := s.poll(`{"unsubscribe": "shop"}`)
		if len(report.Subscriptions) != 1 || string(report.Subscriptions[0].Did) != did || len(s.webhooks()) != 0 {
			t.Errorf("report: %+v", report)
		}
	}
	s.untouched()
}

package functions_test

import (
	"strings"
	"testing"

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

// Deliveries come all the time, signed with the key that Heroku was told last.
func TestChangingTheSigningKeyLosesNoDelivery(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	id := stacktest.SigningSecret
	for _, key := range []string{"second-key-EXAMPLE", "third-key-EXAMPLE"} {
		_, err := s.AWS.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &key})
		s.must(err)
		s.Webhook.Kill() // as if the key had been at rest for a while: a warm container reads it again after 30 s
		s.must(s.addon.Rotate(t.Context()))
		s.idle() // signed with the key before
		s.equal()
		s.Heroku.SetPolicy(herokutest.Policy{Drop: true})
		s.must(s.addon.Rotate(t.Context()))
		if report := s.poll(); len(report.Subscriptions) != 1 || report.Subscriptions[0].Did != "mended" {
			t.Fatalf("report: %+v", report)
		}
		s.Heroku.SetPolicy(herokutest.Policy{})
		s.must(s.addon.Rotate(t.Context()))
		s.idle()
		s.equal()
	}
	if strings.Contains(string(s.Webhook.Logs()), "signature refused") {
		t.Error("a delivery was refused")
	}
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

package functions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/herokutest"
	"keepcurrent.example/internal/stacktest"
)

func (s *shop) idle() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Heroku.DeliveriesIdle(ctx); err != nil {
		s.t.Fatal("deliveries are still on their way: ", err)
	}
}

func TestTheFirstPollFillsTheSecret(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	arn, err := s.Bind(t.Context(), s.app.ID, "shop/as-json")
	s.must(err)
	s.poll()
	var got map[string]any
	s.must(json.Unmarshal([]byte(s.value(arn)), &got))
	if got["engine"] != "postgres" || got["DATABASE_URL"] != s.db.URL()+"?sslmode=require" || got["port"] == 0.0 {
		t.Error("the JSON secret is not what AWS's tools read")
	}
}

func TestARotationThatKillsTheOldCredentialIsPublishedByTheWebhook(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	s.must(s.Subscribe(t.Context(), s.app.Name))
	for range 3 {
		s.must(s.addon.Rotate(t.Context()))
		s.idle()
		s.equal()
	}
	if report := s.poll(); report.Unchanged != 1 {
		t.Errorf("the poll after it: %+v", report)
	}
}

func TestEveryReasonForANewURLIsFollowed(t *testing.T) {
	t.Parallel()
	tests := map[string]func(s *shop) error{
		"rotation with a grace time": func(s *shop) error {
			end, err := s.addon.RotateWithGrace(s.t.Context())
			if err != nil {
				return err
			}
			s.idle()
			return end(s.t.Context())
		},
		"failover": func(s *shop) error { return s.addon.FailOver(s.t.Context()) },
		"promotion of another database": func(s *shop) error {
			db, err := s.Database(s.t.Context())
			if err != nil {
				return err
			}
			s.db = db
			s.Heroku.Provision(s.app, db).Promote()
			return nil
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{})
			s.must(s.Subscribe(t.Context(), s.app.Name))
			s.must(change(s))
			s.idle()
			s.equal()
		})
	}
}

func TestDeliveriesMayBeDoubledReversedAndLate(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	s.must(s.Subscribe(t.Context(), s.app.Name))
	s.Heroku.SetPolicy(herokutest.Policy{Copies: 3, Reverse: true})
	release := s.Heroku.HoldDeliveries()
	for range 3 {
		s.must(s.addon.Rotate(t.Context()))
	}
	release()
	s.idle()
	s.equal()
	if puts := s.Secrets.Calls()["PutSecretValue"]; puts != 1 {
		t.Errorf("three rotations that were announced too late made %d versions", puts)
	}
}

func TestThePollerRepairsALostWebhook(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	s.must(s.Subscribe(t.Context(), s.app.Name))
	s.Heroku.SetPolicy(herokutest.Policy{Drop: true})
	s.must(s.addon.Rotate(t.Context()))
	if s.login() == nil {
		t.Fatal("the old credential still works")
	}
	report := s.poll()
	if report.Published != 1 || report.Changes[0].Secret != "shop/database" {
		t.Errorf("report: %+v", report)
	}
	s.equal()
	if !strings.Contains(string(s.Poller.Logs()), `"lagSeconds"`) {
		t.Error("the poller logs no lag")
	}
}

func TestHerokuMayAnnounceAValueBeforeItShowsIt(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	s.must(s.Subscribe(t.Context(), s.app.Name))
	show := s.Heroku.HoldConfigVars()
	s.must(s.addon.Rotate(t.Context()))
	for s.Heroku.Calls()["GET /apps/{app}/config-vars"] < 3 { // it looks again
		if t.Context().Err() != nil {
			t.Fatal("the webhook did not look again")
		}
		time.Sleep(time.Millisecond)
	}
	show()
	s.idle()
	s.equal()
}

func TestTheWebhookIsQuietIfNothingChanged(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{Concurrency: 1})
	event := request{body: string(s.app.ReleaseEvent("update"))}
	for range 10 {
		if status := s.deliver(event); status != 204 {
			t.Fatalf("status %d", status)
		}
	}
	// One warm container: the token, the key and its predecessor, and the list.
	s.awsCalls(map[string]int{"GetSecretValue": 3, "ListSecrets": 1, "DescribeSecret": 10})
	if calls := s.Heroku.Calls(); calls["GET /apps/{app}/config-vars"] != 10 || len(calls) != 1 {
		t.Errorf("calls of Heroku: %v", calls)
	}
}

func TestAThousandIdlePollsWriteNothingAndReadNoSecret(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	for i := range 9 {
		_, err := s.Bind(t.Context(), s.app.Name, fmt.Sprint("shop/", i))
		s.must(err)
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

func TestDryRunReportsAndWritesNothing(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	s.must(s.addon.Rotate(t.Context()))
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
	_, err := s.Bind(t.Context(), s.app.Name, "shop/bad", "heroku:config-var=NO_SUCH_URL")
	s.must(err)
	_, err = s.Bind(t.Context(), "gone", "gone/bad")
	s.must(err)
	s.must(s.addon.Rotate(t.Context()))
	message := s.failingPoll()
	for _, part := range []string{"2 of 3 bindings failed", "NO_SUCH_URL", "shop/bad", "gone/bad", "404 not_found", "heroku:app"} {
		if !strings.Contains(message, part) {
			t.Errorf("the error does not say %q: %s", part, message)
		}
	}
	s.equal()
}

func TestOptedOutSecretsKeepTheirValue(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	held, err := s.Bind(t.Context(), s.app.Name, "shop/off", "heroku:sync=off")
	s.must(err)
	if report := s.poll(); report.Off != 1 || report.Unchanged != 1 {
		t.Errorf("report: %+v", report)
	}
	if s.deliver(request{body: string(s.app.ReleaseEvent("create"))}) != 204 || s.value(held) != "" {
		t.Error("an opted-out secret was filled")
	}
}

func TestABadCredentialIsHeldAndTheWebhookAsksToBeCalledAgain(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	good := s.value(s.secret)
	s.app.Set("DATABASE_URL", strings.Replace(s.db.URL(), ":p", ":wrong", 1))
	if status := s.deliver(request{body: string(s.app.ReleaseEvent("create"))}); status != 503 {
		t.Errorf("status %d", status)
	}
	report := s.poll()
	if report.Held != 1 || !strings.Contains(report.Problems[0].Error, "28P01") {
		t.Errorf("report: %+v", report)
	}
	if s.value(s.secret) != good {
		t.Error("a URL that is refused replaced one that works")
	}
	s.app.Set("DATABASE_URL", s.db.URL())
	if report := s.poll(); report.Unchanged != 1 {
		t.Errorf("report: %+v", report)
	}
	s.equal()
}

func TestTheDatabaseSeesOneShortConnection(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	for range 5 {
		s.must(s.addon.Rotate(t.Context()))
		s.poll()
	}
	for {
		n, err := s.db.Sessions(t.Context())
		s.must(err)
		if n == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond) // the server takes a moment to notice an end
	}
}

func TestTheTokenIsReadAgainWhenHerokuRefusesIt(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	id, token := stacktest.TokenSecret, s.Heroku.RotateToken()
	if message := s.failingPoll(); !strings.Contains(message, "401 unauthorized") {
		t.Errorf("the error is %s", message)
	}
	_, err := s.AWS.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &token})
	s.must(err)
	s.Poller.Kill() // it has just read the key; a fresh container need not wait
	if report := s.poll(); report.Unchanged != 1 {
		t.Errorf("report: %+v", report)
	}
	s.awsCalls(map[string]int{"PutSecretValue": 1, "ListSecrets": 2, "GetSecretValue": 3})
}

func TestABindingThatWasTaggedAnewIsFollowedAsItIsNow(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{Concurrency: 1})
	event := request{body: string(s.app.ReleaseEvent("update"))}
	s.deliver(event) // the container knows the list now
	_, err := s.AWS.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: &s.secret, Tags: []types.Tag{{Key: aws.String("heroku:app"), Value: &s.app.ID}}})
	s.must(err)
	s.must(s.addon.Rotate(t.Context()))
	if status := s.deliver(event); status != 204 {
		t.Errorf("status %d", status)
	}
	s.equal()
}

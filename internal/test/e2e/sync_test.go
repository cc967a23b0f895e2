package e2e_test

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/stacktest"
)

func TestTheFirstPollFillsTheSecret(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	arn := s.bind(s.app.ID, "shop/as-json")
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
	s.subscribe()
	for range 3 {
		s.rotate()
		s.idle()
		s.equal()
	}
	if report := s.poll(); report.Unchanged != 1 {
		t.Errorf("the poll after it: %+v", report)
	}
}

func TestEveryReasonForANewURLIsFollowed(t *testing.T) {
	t.Parallel()
	tests := map[string]func(s *shop){
		"rotation with a grace time": func(s *shop) {
			end, err := s.addon.RotateWithGrace(s.t.Context())
			s.must(err)
			s.idle()
			s.must(end(s.t.Context()))
		},
		"failover": func(s *shop) { s.must(s.addon.FailOver(s.t.Context())) },
		"promotion of another database": func(s *shop) {
			s.db = s.database()
			s.Heroku.Provision(s.app, s.db).Promote()
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{})
			s.subscribe()
			change(s)
			s.idle()
			s.equal()
		})
	}
}

func TestDeliveriesMayBeDoubledReversedAndLate(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	s.subscribe()
	s.Heroku.SetPolicy(herokutest.Policy{Copies: 3, Reverse: true})
	release := s.Heroku.HoldDeliveries()
	for range 3 {
		s.rotate()
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
	s.subscribe()
	s.Heroku.SetPolicy(herokutest.Policy{Drop: true})
	s.rotate()
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
	s.subscribe()
	show := s.Heroku.HoldConfigVars()
	s.rotate()
	if !eventually(func() bool { return s.Heroku.Calls()[configVars] >= 3 }) {
		t.Fatal("the webhook did not look again")
	}
	show()
	s.idle()
	s.equal()
}

func TestTheWebhookIsQuietIfNothingChanged(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{Concurrency: 1})
	for range 10 {
		if status := s.announce(s.app); status != 204 {
			t.Fatalf("status %d", status)
		}
	}
	// One warm container: the token, the key and its predecessor, and the list.
	s.awsCalls(map[string]int{"GetSecretValue": 3, "ListSecrets": 1, "DescribeSecret": 20})
	if calls := s.Heroku.Calls(); calls[configVars] != 10 || len(calls) != 1 {
		t.Errorf("calls of Heroku: %v", calls)
	}
}

func TestOptedOutSecretsKeepTheirValue(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	off := s.bind(s.app.Name, "shop/off", "heroku:sync=off")
	if report := s.poll(); report.Off != 1 || report.Unchanged != 1 {
		t.Errorf("report: %+v", report)
	}
	if s.announce(s.app) != 204 || s.value(off) != "" {
		t.Error("an opted-out secret was filled")
	}
}

func TestABadCredentialIsHeldAndTheWebhookAsksToBeCalledAgain(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	good := s.value(s.secret)
	s.app.Set("DATABASE_URL", strings.Replace(s.db.URL(), ":p", ":wrong", 1))
	if status := s.announce(s.app); status != 503 {
		t.Errorf("status %d", status)
	}
	report := s.poll()
	if report.Held != 1 || !strings.Contains(string(report.Problems[0].Error), "28P01") {
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

func TestARotationCostsTheDatabaseOneShortConnection(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	var connections atomic.Int32
	s.db.Intercept(func() postgrestest.Fault {
		connections.Add(1)
		return nil
	})
	for range 5 {
		s.rotate()
		s.poll()
	}
	if n := connections.Load(); n != 5 {
		t.Errorf("%d connections for 5 rotations", n)
	}
	s.must(s.db.Idle(t.Context()))
}

// A warm container would read it again too, but not within 30 s of the last time; the
// tests of internal/credential show that.
func TestAFreshContainerHasTheNewToken(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	s.Heroku.Revoke()
	if message := s.failingPoll(); !strings.Contains(message, "401 unauthorized") {
		t.Errorf("the error is %s", message)
	}
	s.put(stacktest.TokenSecret, s.Heroku.Authorize("read-protected"))
	s.Poller.Kill()
	if report := s.poll(); report.Unchanged != 1 {
		t.Errorf("report: %+v", report)
	}
	s.awsCalls(map[string]int{"PutSecretValue": 1, "ListSecrets": 2, "GetSecretValue": 3})
}

func TestABindingThatWasTaggedAnewIsFollowedAsItIsNow(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{Concurrency: 1})
	s.announce(s.app) // the container knows the list now
	_, err := s.AWS.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: &s.secret, Tags: []types.Tag{{Key: aws.String("heroku:app"), Value: &s.app.ID}}})
	s.must(err)
	s.rotate()
	if status := s.announce(s.app); status != 204 {
		t.Errorf("status %d", status)
	}
	s.equal()
}

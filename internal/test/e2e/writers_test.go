package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// Heroku shows B and returns to A. One run has read B and is slow; another run finds the
// secret equal to A and does not move the fence. The slow run must not leave B behind.
func TestThereAndBackLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for _, slow := range []string{webhook, poller} {
		for _, at := range []string{put, swap} {
			t.Run(slow+", slow at "+at, func(t *testing.T) {
				t.Parallel()
				b := openBench(t, stacktest.Config{})
				other := b.database()
				arrived, goOn := make(chan struct{}), make(chan struct{})
				b.listen(func(c call) trouble {
					if c != (call{at, 1}) {
						return trouble{}
					}
					return trouble{aws: func(w http.ResponseWriter, r *http.Request, work http.Handler) {
						close(arrived)
						<-goOn
						work.ServeHTTP(w, r)
					}}
				})
				b.app.Set("DATABASE_URL", other.URL())
				answer := make(chan string, 1)
				go func() { answer <- b.run(slow) }()
				<-arrived
				b.app.Set("DATABASE_URL", b.db.URL())
				if status := b.announce(b.app); status != 204 {
					t.Errorf("the fast run answers %d", status)
				}
				close(goOn)
				// A client whose call is held for more than a second sends it again, and the run may
				// find that its own move was carried out.
				if got := <-answer; got != quiet(slow, rotation) && got != quiet(slow, foreign) {
					t.Errorf("the slow run ends with %s", got)
				}
				b.equal()
			})
		}
	}
}

// Two stacks in one Region see the same tags and have different signing keys.
func TestTwoStacksKeepOneSecretWithoutAFight(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	s.create("second/key", "another-key-EXAMPLE")
	b := &bench{shop: s}
	for n := range 6 {
		key := []string{"second/key", stacktest.SigningSecret}[n%2]
		s.must(s.Deploy(stacktest.Config{Functions: compiled, Env: []string{"WEBHOOK_SIGNING_SECRET_ID=" + key}}))
		for range 2 {
			if report := s.poll(); report.Unchanged != 1 {
				t.Errorf("report: %+v", report)
			}
		}
	}
	if n := b.versions(); n != 1 {
		t.Errorf("one value made %d versions", n)
	}
	if reads := s.Secrets.Calls()["GetSecretValue"]; reads != 6*3+3 { // token, key and its predecessor, and the value where the key does not know it
		t.Errorf("%d reads", reads)
	}
	if strings.Contains(string(s.Poller.Logs()), `"FoundByPoller":[1]`) {
		t.Error("a healthy webhook is blamed")
	}
}

func TestASecretThatIsNotOursToWriteIsLeftAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		kind    secretstest.Kind
		outcome string
		says    string
	}{
		"a replica":            {secretstest.Kind{PrimaryRegion: "eu-central-1"}, "off", "eu-central-1"},
		"one of a service's":   {secretstest.Kind{OwningService: "rds"}, "failed", "rds"},
		"one of a partner's":   {secretstest.Kind{Type: "SalesforceClientSecret"}, "failed", "SalesforceClientSecret"},
		"one with rotation on": {secretstest.Kind{RotationEnabled: true}, "failed", "rotation is on"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{SelfSubscribe: true, Concurrency: 1})
			if tt.outcome == "off" {
				s.poll(`{"unsubscribe":"shop"}`) // the first poll has subscribed
			}
			s.Secrets.Mark("shop/database", tt.kind)
			s.rotate()
			if status := s.announce(s.app); status != 204 {
				t.Errorf("the webhook answers %d", status)
			}
			plan := s.poll(`{"dryRun":true}`).Plan
			if len(plan) != 1 || string(plan[0].Outcome) != tt.outcome {
				t.Errorf("plan: %+v", plan)
			}
			report, _ := s.Poll(t.Context())
			if tt.outcome == "off" && (report.Off != 1 || len(report.Problems) != 1 || !strings.Contains(string(report.Problems[0].Error), tt.says) || len(s.webhooks()) != 0) {
				t.Errorf("report: %+v, webhooks: %v", report, s.webhooks())
			}
			if !strings.Contains(string(s.Webhook.Logs()), tt.says) || !strings.Contains(string(s.Poller.Logs()), tt.says) {
				t.Errorf("a log does not say %q", tt.says)
			}
			s.untouched()
			s.Secrets.Mark("shop/database", secretstest.Kind{})
			s.poll()
			s.equal()
		})
	}
}

// A stack in the Region of the replicas cannot write any secret, and its alarm says so.
func TestAStackThatSeesOnlyReplicasMeasuresIt(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	s.Secrets.Mark("shop/database", secretstest.Kind{PrimaryRegion: "eu-central-1"})
	s.poll()
	if logs := string(s.Poller.Logs()); strings.Count(logs, `"OnlyReplicas":[1]`) != 1 {
		t.Error("the metric is not there")
	}
	s.bind(s.app.Name, "shop/another")
	s.poll()
	if logs := string(s.Poller.Logs()); strings.Count(logs, `"OnlyReplicas":[1]`) != 1 {
		t.Error("the metric is there although one secret is ours")
	}
}

// A warm webhook has the secret's ARN; a new secret of the same name has another ARN.
func TestASecretThatWasMadeAnewIsFollowedAtOnce(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{Concurrency: 1})
	s.announce(s.app) // the container knows the list now
	s.remove(s.secret)
	s.secret = s.bind(s.app.Name, "shop/database", "heroku:format=url")
	if status := s.announce(s.app); status != 204 {
		t.Errorf("status %d", status)
	}
	s.equal()
}

func TestASecretThatIsGoneIsNoReasonToCallAgain(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(s *shop, secret string){
		"deleted at once": func(s *shop, secret string) { s.remove(secret) },
		"marked for deletion": func(s *shop, secret string) {
			_, err := s.AWS.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &secret})
			s.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{Concurrency: 1})
			another := s.bind(s.app.Name, "shop/another", "heroku:format=url")
			s.poll()
			s.announce(s.app)
			remove(s, another)
			s.rotate()
			if status := s.announce(s.app); status != 204 {
				t.Errorf("status %d", status)
			}
			s.equal()
		})
	}
}

// If another writer's value means the same, no new version is needed.
func TestAnEqualValueByHandIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{Concurrency: 1})
	s.put(s.secret, s.value(s.secret))
	s.Secrets.ResetCalls()
	for range 3 {
		if status := s.announce(s.app); status != 204 {
			t.Errorf("status %d", status)
		}
		if report := s.poll(); report.Unchanged != 1 {
			t.Errorf("report: %+v", report)
		}
	}
	s.untouched()
	out, err := s.AWS.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &s.secret})
	s.must(err)
	if len(out.VersionIdsToStages) != 2 { // ours from before, and the one by hand
		t.Errorf("versions: %v", out.VersionIdsToStages)
	}
}

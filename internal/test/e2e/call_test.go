package e2e_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// current returns the version that holds AWSCURRENT, as a consumer reads it.
func (s *stack) current(secret string) string {
	s.t.Helper()
	out, err := s.AWS.GetSecretValue(s.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &secret, VersionStage: aws.String("AWSCURRENT")})
	s.must(err)
	return *out.VersionId
}

// call tells the webhook that a version is refused.
func (s *stack) call(secret, version string, times int) {
	s.t.Helper()
	s.must(s.Call(s.t.Context(), secret, version, times))
}

// countLogins counts the connections to the database from now on.
func (s *shop) countLogins() *atomic.Int64 {
	logins := new(atomic.Int64)
	s.db.Intercept(func() postgrestest.Fault { logins.Add(1); return nil })
	return logins
}

// requests is how many requests Heroku got.
func (s *stack) requests() (sum int) {
	for _, n := range s.Heroku.Calls() {
		sum += n
	}
	return sum
}

// Nobody is subscribed and nobody polls, so only the consumer can bring the new URL.
func TestACallBringsTheRotatedURL(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"ARN", "name"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{})
			refused := s.current(s.secret)
			s.rotate()
			if s.login() == nil {
				t.Fatal("the old credential still logs in")
			}
			s.call(map[string]string{"ARN": s.secret, "name": "shop/database"}[id], refused, 1)
			s.equal()
			s.sum(s.Webhook, "CalledByConsumer", 1)
			s.sum(s.Webhook, "Published", 1)
			if !strings.Contains(string(s.Webhook.Logs()), `"trigger":"consumer"`) {
				t.Error("no line says who called")
			}
		})
	}
}

func TestACallForWhatIsNotCurrentMakesNoRequest(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	refused := s.current(s.secret)
	s.rotate()
	if status := s.announce(s.app); status != 204 {
		t.Fatalf("the delivery: %d", status)
	}
	s.equal()
	s.create("another/secret", "postgres://u:pEXAMPLE@db.example/d")
	version := s.current("another/secret")
	s.Heroku.ResetCalls()
	s.Secrets.ResetCalls()
	logins := s.countLogins()
	s.call(s.secret, refused, 1)         // brought up to date already
	s.call("another/secret", version, 1) // not bound
	s.call("no/such/secret", "v1", 1)    // not there
	if s.requests() > 0 || logins.Load() > 0 {
		t.Errorf("%v of Heroku, %d logins", s.Heroku.Calls(), logins.Load())
	}
	if n := s.Secrets.Calls()["DescribeSecret"]; n != 3 {
		t.Errorf("%d secrets were described, not 3", n)
	}
	s.sum(s.Webhook, "CalledByConsumer", 0)
}

// Two batches at a time are two processes, each of which may update the secret once.
func TestAThousandCallsAreOneUpdateInEachProcess(t *testing.T) {
	t.Parallel()
	t.Run("after a rotation", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, stacktest.Config{Concurrency: 2})
		refused := s.current(s.secret)
		s.rotate()
		logins := s.countLogins()
		s.call(s.secret, refused, 300)
		n, reads := logins.Load(), s.Heroku.Calls()[configVars]
		s.equal()
		updates := len(s.measured(s.Webhook)["CalledByConsumer"])
		t.Logf("%d updates: %d reads of config vars, %d logins, %v", updates, reads, n, s.Secrets.Calls())
		// An update that publishes reads twice; one that loses the swap reads again. Each tries
		// the candidate once, and the old credential only if the candidate does not log in. On a
		// slow machine a login, or a read, may be tried again.
		if updates < 1 || updates > 2 || reads > 2*3*updates || n > int64(2*updates) {
			t.Errorf("%d updates, %d reads of config vars, %d logins", updates, reads, n)
		}
	})
	t.Run("while Heroku has nothing better", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, stacktest.Config{Concurrency: 2})
		logins := s.countLogins()
		s.call(s.secret, s.current(s.secret), 1000)
		updates := len(s.measured(s.Webhook)["CalledByConsumer"])
		t.Logf("%d updates: %v of Heroku, %d logins, %v", updates, s.Heroku.Calls(), logins.Load(), s.Secrets.Calls())
		if updates < 1 || updates > 2 || s.requests() > updates || logins.Load() > 0 {
			t.Errorf("%d updates, %v of Heroku, %d logins", updates, s.Heroku.Calls(), logins.Load())
		}
		s.untouched()
	})
}

func TestARefusedTokenIsNotAskedAgainForConsumers(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{Concurrency: 1})
	blog := s.bind(s.app.Name, "blog/database")
	if report := s.poll(); report.Published != 1 {
		t.Fatalf("the second secret: %+v", report)
	}
	shop, other := s.current(s.secret), s.current(blog)
	s.Heroku.Revoke()
	s.Heroku.ResetCalls()
	s.call(s.secret, shop, 1)
	first := s.requests()
	s.call(blog, other, 1) // another secret, so its own pause does not hold it back
	s.call(s.secret, shop, 100)
	if first == 0 || s.requests() != first {
		t.Errorf("%d requests, and then %d", first, s.requests())
	}
	s.sum(s.Webhook, "CalledByConsumer", 1)
	s.untouchedSince(shop, other, blog)
}

// untouchedSince fails the test if a version is no longer current.
func (s *shop) untouchedSince(shop, other, blog string) {
	s.t.Helper()
	if s.current(s.secret) != shop || s.current(blog) != other {
		s.t.Error("a secret was written to")
	}
}

func TestACallLeavesTheReserve(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{Concurrency: 1, Env: []string{"HEROKU_RESERVE=1000"}})
	refused := s.current(s.secret)
	s.Heroku.SetRateLimit(900)
	if status := s.announce(s.app); status != 204 { // may use the reserve, and tells the process what is left
		t.Fatalf("the delivery: %d", status)
	}
	s.rotate()
	s.Heroku.ResetCalls()
	s.call(s.secret, refused, 10)
	if s.requests() > 0 {
		t.Errorf("%v of Heroku", s.Heroku.Calls())
	}
	if !strings.Contains(string(s.Webhook.Logs()), "is its reserve") {
		t.Error("the log does not say why")
	}
	if status := s.announce(s.app); status != 204 { // Heroku's delivery does not wait
		t.Errorf("the delivery: %d", status)
	}
	s.equal()
}

func TestOddCallsAreALineInTheLogAndNothingElse(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{Concurrency: 1})
	text, err := json.Marshal(map[string]any{
		"source": "keepcurrent.consumer", "detail-type": "Credential Refused",
		"detail": map[string]string{"secret": s.secret, "version": s.current(s.secret)},
	})
	s.must(err)
	s.Secrets.ResetCalls()
	good := string(text)
	for name, message := range map[string]events.SQSMessage{
		"empty":                   {EventSource: "aws:sqs"},
		"not JSON":                {EventSource: "aws:sqs", Body: good[1:]},
		"null":                    {EventSource: "aws:sqs", Body: "null"},
		"an array":                {EventSource: "aws:sqs", Body: "[" + good + "]"},
		"another source":          {EventSource: "aws:sqs", Body: strings.Replace(good, "keepcurrent.consumer", "keepcurrent", 1)},
		"another type":            {EventSource: "aws:sqs", Body: strings.Replace(good, "Credential Refused", "Secret Label Updated", 1)},
		"a detail that is a text": {EventSource: "aws:sqs", Body: `{"source":"keepcurrent.consumer","detail-type":"Credential Refused","detail":"` + s.secret + `"}`},
		"a credential":            {EventSource: "aws:sqs", Body: strings.Replace(good, s.secret, "postgres://u:pEXAMPLE@h/d", 1)},
		"a wildcard":              {EventSource: "aws:sqs", Body: strings.Replace(good, s.secret, "shop/*", 1)},
		"no queue's":              {EventSource: "aws:sns", Body: good},
		"64 KiB":                  {EventSource: "aws:sqs", Body: strings.Replace(good, s.secret, strings.Repeat("s", 64<<10), 1)},
	} {
		before := len(s.Webhook.Logs())
		payload, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{message}})
		s.must(err)
		if _, err := s.Webhook.Invoke(t.Context(), payload); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		line := s.Webhook.Logs()[before:]
		if bytes.Count(line, []byte("\n")) != 1 || !bytes.Contains(line, []byte("messages that are no call of a consumer")) ||
			bytes.Contains(line, []byte("EXAMPLE@")) {
			t.Errorf("%s: the log says %s", name, line)
		}
	}
	if s.requests() > 0 {
		t.Errorf("%v of Heroku", s.Heroku.Calls())
	}
	s.awsCalls(map[string]int{"GetSecretValue": 3, "ListSecrets": 1}) // a cold start's, and nothing for the calls
}

// Calls take two of the four processes at most, also while Heroku keeps them waiting.
func TestDeliveriesAreAnsweredWhileAFleetCalls(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{Concurrency: 4})
	s.Heroku.CreateApp("slow").Set("DATABASE_URL", "postgres://u:pEXAMPLE@db.example/d")
	slow := s.bind("slow", "slow/database", "heroku:verify=off")
	s.poll()
	version, arrived, released := s.current(slow), new(atomic.Int64), make(chan struct{})
	s.Heroku.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/apps/slow/config-vars" {
				arrived.Add(1)
				<-released
			}
			next.ServeHTTP(w, r)
		})
	})
	called := make(chan error, 1)
	go func() { called <- s.Call(t.Context(), slow, version, 1000) }()
	if !eventually(func() bool { return arrived.Load() == 2 }) {
		t.Error("the calls have not come to Heroku")
	}
	s.rotate()
	if status := s.announce(s.app); status != 204 {
		t.Errorf("a delivery: %d", status)
	}
	s.equal()
	if status := s.deliver(request{body: "{}", key: "another-key-EXAMPLE"}); status != 401 {
		t.Errorf("a forged delivery: %d", status)
	}
	select {
	case err := <-called:
		t.Errorf("the calls are over already: %v", err)
	default:
	}
	close(released)
	s.must(<-called)
	if n := arrived.Load(); n > 2*3 { // two processes, each of which tries three times while nothing is answered
		t.Errorf("%d requests for a thousand calls", n)
	}
}

package e2e_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/testserver/lambdatest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// putBinary gives a secret a value of bytes, as --secret-binary does.
func (s *stack) putBinary(secret, value string) {
	s.t.Helper()
	_, err := s.AWS.PutSecretValue(s.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &secret, SecretBinary: []byte(value)})
	s.must(err)
}

// Many people can read a credential that was pasted into a tag. The functions name the
// tag, send the value nowhere, and do not repeat it: [stack] searches their logs.
func TestACredentialInATagIsNamedAndShownNowhere(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{SelfSubscribe: true})
	tags := []string{
		"heroku:token=" + s.Heroku.Token(),
		"heroku:client-tls=" + s.db.URL(),
		"heroku:config-var=" + s.db.URL(),
		"heroku:config-var=" + s.password(),
		"heroku:format=" + s.Heroku.Token(),
		"heroku:sync=" + s.db.URL(),
	}
	for i, tag := range tags {
		s.bind(s.app.Name, fmt.Sprint("pasted/", i), tag)
	}
	s.bind(s.Heroku.Token(), "pasted/app")
	message := s.failingPoll()
	if !strings.Contains(message, fmt.Sprintf("%d of %d bindings failed", len(tags)+1, len(tags)+2)) {
		t.Error(message)
	}
	for _, tag := range append(tags, "heroku:app=") {
		name, _, _ := strings.Cut(tag, "=")
		if !strings.Contains(message, "tag "+name+" looks like a credential") {
			t.Errorf("the error does not name %s: %s", name, message)
		}
	}
	plan, err := s.Poller.Invoke(t.Context(), []byte(`{"dryRun":true}`))
	s.must(err)
	for _, secret := range []string{s.Heroku.Token(), s.password()} {
		if strings.Contains(message+string(plan), secret) {
			t.Error("an answer of the poller shows a credential")
		}
	}
	// Only a person can put that right, so Heroku need not call again.
	if status := s.announce(s.app); status != 204 {
		t.Errorf("the webhook answers %d", status)
	}
}

// Parts of a URL, lines of a shell and the keys of other services are no less a credential.
// Their tag is named, no text shows them, and AWS and Heroku are asked for nothing by them.
func TestWhatIsNoNameIsShownNowhereAndSentNowhere(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	planted := map[string]string{ // the credential by its tag; %s stands for it
		"heroku:config-var=user:%s@db.example:5432/d": "swordfish-EXAMPLE1",
		"heroku:config-var=DATABASE_URL=%s":           "swordfish-EXAMPLE2",
		"heroku:config-var=%s":                        "hrku-EXAMPLE3",
		"heroku:token=%s":                             strings.Repeat("EXAMPLE4", 9)[:65],
		"heroku:token=user:%s@db.example:5432/d":      "swordfish-EXAMPLE5",
		"heroku:client-tls=%s":                        strings.Repeat("EXAMPLE6", 9)[:65],
		"heroku:client-tls=team/%s":                   strings.Repeat("e6", 24), // as a signing key of ours
		"heroku:sync=%s":                              "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"heroku:format=%s":                            "swordfish-EXAMPLE7",
		"heroku:verify=%s":                            "EXAMPLE8",
	}
	for i, tag := range slices.Sorted(maps.Keys(planted)) {
		credential := planted[tag]
		s.Plant(credential)
		s.bind(s.app.Name, fmt.Sprint("planted/", i), fmt.Sprintf(tag, credential))
	}
	s.bind("swordfish EXAMPLE9", "planted/app")
	s.Plant("swordfish EXAMPLE9")
	message := s.failingPoll()
	plan, err := s.Poller.Invoke(t.Context(), []byte(`{"dryRun":true}`))
	s.must(err)
	for tag := range planted {
		if name, _, _ := strings.Cut(tag, "="); !strings.Contains(string(plan), "tag "+name+" ") {
			t.Errorf("the plan does not name %s: %s", name, plan)
		}
	}
	for _, text := range []string{message, string(plan)} {
		for _, credential := range append(slices.Collect(maps.Values(planted)), "swordfish EXAMPLE9") {
			if strings.Contains(text, credential) {
				t.Errorf("an answer of the poller shows a credential: %s", text)
			}
		}
	}
	if calls := s.Secrets.Calls()["GetSecretValue"]; calls > 2 {
		t.Errorf("%d values were read, and only the stack's own two are to be", calls)
	}
	if status := s.announce(s.app); status != 204 {
		t.Errorf("the webhook answers %d", status)
	}
}

func TestACredentialInThePlaceOfASecretsNameIsShownNowhere(t *testing.T) {
	t.Parallel()
	s := start(t, stacktest.Config{})
	s.must(s.Deploy(stacktest.Config{Functions: compiled, Env: []string{"HEROKU_TOKEN_SECRET_ID=" + s.Heroku.Token()}}))
	var failure *lambdatest.FunctionError
	if _, err := s.Poll(t.Context()); !errors.As(err, &failure) {
		t.Errorf("%v", err)
	}
	if log := string(s.Poller.Logs()); !strings.Contains(log, "HEROKU_TOKEN_SECRET_ID looks like a credential") {
		t.Errorf("the log does not say what is wrong: %s", log)
	}
}

func TestASecretThatWasPutInAsBinaryIsNamedAsThat(t *testing.T) {
	t.Parallel()
	const other = "team-b/heroku-token"
	tests := map[string]func(s *shop) (secret string){
		"the token":       func(s *shop) string { return stacktest.TokenSecret },
		"the signing key": func(s *shop) string { return stacktest.SigningSecret },
		"another account's token": func(s *shop) string {
			s.create(other, "EXAMPLE")
			s.bind(s.app.Name, "shop/other", "heroku:token="+other)
			return other
		},
	}
	for name, value := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{})
			s.putBinary(value(s), s.Heroku.Token())
			s.rotate()
			s.must(s.Deploy(stacktest.Config{Functions: compiled})) // a container would keep what it has read
			message := s.failingPoll()
			if !strings.Contains(message, "put in as binary") || !strings.Contains(message, "--secret-string") {
				t.Error(message)
			}
		})
	}
}

// A binary value has no text, so it counts as a value that is not understood: a URL that
// logs in replaces it, and a URL that does not log in does not.
func TestABoundSecretThatIsBinaryIsReplacedByWhatLogsIn(t *testing.T) {
	t.Parallel()
	s := openShop(t, hurried)
	s.putBinary(s.secret, s.db.URL())
	s.app.Set("DATABASE_URL", strings.Replace(s.db.URL(), ":"+s.password(), ":wrong-EXAMPLE", 1))
	report := s.poll()
	if report.Held != 1 || !strings.Contains(string(report.Problems[0].Error), "is not understood") {
		t.Errorf("report: %+v", report)
	}
	s.app.Set("DATABASE_URL", s.db.URL())
	if report := s.poll(); report.Published != 1 {
		t.Errorf("report: %+v", report)
	}
	s.equal()
}

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	platform "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/testserver/herokutest"
)

func startHeroku(t *testing.T) *herokutest.Server {
	t.Helper()
	server, err := herokutest.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Close()
		for _, violation := range server.Violations() {
			t.Error(violation)
		}
	})
	return server
}

// person is the owner's own client of Heroku.
func (s *site) person() *platform.Service {
	service := platform.NewService(&http.Client{Transport: &platform.Transport{BearerToken: s.heroku.Token(), Transport: &http.Transport{DisableKeepAlives: true}}})
	service.URL = s.heroku.URL
	return service
}

// webhooks describes the webhooks of an app.
func (s *site) webhooks(app string) (all []string) {
	s.t.Helper()
	list, err := s.person().AppWebhookList(s.t.Context(), app, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, w := range list {
		all = append(all, w.URL+" "+w.Level+" "+strings.Join(w.Include, ","))
	}
	slices.Sort(all)
	return all
}

const foreign = "https://theirs.example/hook notify api:dyno"

// openApp is a site with a deployed stack, and an app that has a webhook of somebody else.
func openApp(t *testing.T) *site {
	t.Helper()
	s := openSite(t, "http://127.0.0.1:1")
	s.stacks.has("CREATE_COMPLETE")
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/me</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`)
	}))
	t.Cleanup(sts.Close)
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
	s.app = s.heroku.CreateApp("shop")
	if _, err := s.person().AppWebhookCreate(t.Context(), "shop", platform.AppWebhookCreateOpts{Include: []string{"api:dyno"}, Level: "notify", URL: "https://theirs.example/hook"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.secrets.Client().CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("signing-key"), SecretString: aws.String(signingKey + "\n")}); err != nil {
		t.Fatal(err)
	}
	return s
}

// opened is the stack after its first questions, each of which takes the AWS CLI a second.
func opened(out io.Writer) (*stack, described) {
	var now described
	for key, value := range map[string]string{"PollerFunction": "keepcurrent-poller", "WebhookUrl": webhookURL, "SigningKey": "signing-key"} {
		now.Outputs = append(now.Outputs, struct{ OutputKey, OutputValue string }{key, value})
	}
	return &stack{name: "kc", region: "eu-west-1", out: out}, now
}

const signingKey = "signing-key-EXAMPLE"

// cli puts a heroku command into the path.
func (s *site) cli(script string) {
	s.t.Helper()
	s.write("bin/heroku", "#!/bin/sh\n"+script+"\n")
	file := filepath.Join(s.folder, "bin", "heroku")
	if err := os.Chmod(file, 0o755); err != nil {
		s.t.Fatal(err)
	}
	s.t.Setenv("PATH", filepath.Dir(file)+":"+os.Getenv("PATH"))
	s.t.Setenv("HEROKU_API_KEY", "")
}

func TestSubscribeMakesTheWebhookWithAPersonsOwnLogin(t *testing.T) {
	s := openApp(t)
	const right = "https://ours.example/heroku/webhook sync api:release"
	s.cli(`[ "$*" = auth:token ] && echo "Warning: the token expires" >&2 && echo ` + s.heroku.Token())
	out := s.must(s.run("subscribe", "APP=shop", "STACK=kc"))
	s.has(out, "stack kc, account 123456789012, Region eu-west-1\n", "\nthe app shop has a webhook now\n")
	if all := s.webhooks("shop"); !slices.Equal(all, []string{right, foreign}) {
		t.Errorf("webhooks: %v", all)
	}
	if keys := s.heroku.Credentials(); !slices.Contains(keys, signingKey) {
		t.Error("the webhook is not signed with the stack's key, or with its line end")
	}
	var said strings.Builder
	st, now := opened(&said)
	s.answer = `{"errorMessage":"the API token may not write webhooks"}`
	if err := st.unsubscribe(t.Context(), now, subscribed{App: "shop"}); err != nil {
		t.Error(err)
	}
	if all := s.webhooks("shop"); !slices.Equal(all, []string{foreign}) {
		t.Errorf("webhooks: %v", all)
	}
	for _, secret := range []string{s.heroku.Token(), signingKey} {
		if strings.Contains(out+said.String(), secret) {
			t.Error("a credential is printed")
		}
	}
}

// Heroku does not show which key a webhook has.
func TestSubscribeGivesTheKeyAgainToAWebhookThatLooksRight(t *testing.T) {
	s := openApp(t)
	t.Setenv("HEROKU_API_KEY", s.heroku.Token())
	signed := make(chan bool, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		code := hmac.New(sha256.New, []byte(signingKey))
		code.Write(body)
		signed <- r.Header.Get("Heroku-Webhook-Hmac-SHA256") == base64.StdEncoding.EncodeToString(code.Sum(nil))
	}))
	t.Cleanup(receiver.Close)
	_, err := s.person().AppWebhookCreate(t.Context(), "shop", platform.AppWebhookCreateOpts{
		Include: []string{"api:release"}, Level: "sync", URL: receiver.URL, Secret: platform.String("another-key-EXAMPLE"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	st, now := opened(&said)
	for i := range now.Outputs {
		if now.Outputs[i].OutputKey == "WebhookUrl" {
			now.Outputs[i].OutputValue = receiver.URL
		}
	}
	if err := st.subscribe(t.Context(), now, "shop"); err != nil {
		t.Fatal(err)
	}
	s.has(said.String(), "the app shop had a webhook, which has the right events and our signing key now\n")
	s.app.Set("FOO", "bar")
	if !<-signed {
		t.Error("a delivery is not signed with the stack's key")
	}
}

// Nothing of a login is in an error: not even what heroku auth:token prints as it fails.
func TestALoginThatDoesNotWorkIsExplainedAndNotShown(t *testing.T) {
	s := openApp(t)
	s.heroku.CreateForeignApp("theirs")
	for name, test := range map[string]struct{ app, script, want string }{
		"not logged in":             {"shop", "echo HRKU-EXAMPLE-half; echo 'Error: not logged in' >&2; exit 100", "log in with heroku login"},
		"a page of help":            {"shop", "echo HRKU-EXAMPLE-half USAGE heroku", "heroku auth:token gives no token"},
		"an expired login":          {"shop", "echo HRKU-EXAMPLE-half", "Heroku does not take your login"},
		"a login that may read":     {"shop", "echo " + s.heroku.Authorize("read-protected"), "your Heroku login may not change its webhooks"},
		"an app of another account": {"theirs", "echo " + s.heroku.Token(), "your Heroku login may not change its webhooks"},
	} {
		s.cli(test.script)
		var out strings.Builder
		st, now := opened(&out)
		err := st.subscribe(t.Context(), now, test.app)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if text := out.String() + err.Error(); strings.Contains(text, "HRKU") {
			t.Errorf("%s: a token is shown: %s", name, text)
		}
	}
	if all := s.webhooks("shop"); !slices.Equal(all, []string{foreign}) {
		t.Errorf("webhooks: %v", all)
	}
}

func TestWithoutHerokusCLISubscribeSaysWhereToGetIt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("HEROKU_API_KEY", "")
	if _, err := herokuLogin(t.Context()); err == nil || !strings.Contains(err.Error(), "https://devcenter.heroku.com/articles/heroku-cli") {
		t.Error(err)
	}
}

package herokutest_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	heroku "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/testserver/herokutest"
)

// The vector was made with openssl.
func TestSignatureIsHMACOverTheBody(t *testing.T) {
	t.Parallel()
	got := herokutest.Sign("test-webhook-secret", []byte(`{"action":"update","resource":"release"}`))
	if want := "lr6fOjGAElbpQEeZbTDk0tR2UCDGDVj9/pseccIcxEU="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// checkSigned works out the signatures on its own.
func checkSigned(t *testing.T, notices []notice, secret string) {
	t.Helper()
	if len(notices) != 2 {
		t.Fatalf("%d notices, want 2", len(notices))
	}
	for _, n := range notices {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(n.body)
		if n.header.Get("Heroku-Webhook-Hmac-SHA256") != base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			t.Error("wrong signature")
		}
		if got := n.header.Get("Content-Type"); got != "application/json" {
			t.Errorf("content type %q", got)
		}
	}
}

// The form is that of a capture of May 2025.
func TestReleaseEventHasHerokusForm(t *testing.T) {
	t.Parallel()
	event := decode(t, newServer(t).CreateApp("sushi").ReleaseEvent("create"))
	checkKeys(t, event, "id data actor action version resource sequence created_at updated_at published_at previous_data webhook_metadata")
	checkKeys(t, event["webhook_metadata"], "attempt delivery event webhook")
	data := event["data"].(map[string]any)
	checkKeys(t, data, "id app slug user stack status current pstable version artifacts created_at updated_at description addon_plan_names output_stream_url eligible_for_rollback")
	checkKeys(t, data["app"], "id name process_tier")
	checkKeys(t, data["user"], "id email")
	id := event["webhook_metadata"].(map[string]any)["event"].(map[string]any)
	if id["id"] != event["id"] || id["include"] != "api:release" {
		t.Errorf("event %v is called %v in its metadata", event["id"], id)
	}
	if event["resource"] != "release" || event["action"] != "create" || event["sequence"] != nil || len(event["previous_data"].(map[string]any)) != 0 {
		t.Errorf("envelope %v", event)
	}
	micro := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`)
	if !micro.MatchString(event["created_at"].(string)) || micro.MatchString(data["created_at"].(string)) {
		t.Errorf("event of %v about a release of %v", event["created_at"], data["created_at"])
	}
}

func decode(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func checkKeys(t *testing.T, object any, want string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(object.(map[string]any)))
	if wanted := slices.Sorted(slices.Values(strings.Fields(want))); !slices.Equal(got, wanted) {
		t.Errorf("keys %v, want %v", got, wanted)
	}
}

func TestTwoEventsTellOfEachRelease(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	r := newReceiver(t)
	hook := subscribe(t, s, "notify", r.URL)
	app.Set("FOO", "1")
	idle(t, s)
	got := r.notices()
	checkSigned(t, got, signingSecret)
	create, update := decode(t, got[0].body), decode(t, got[1].body)
	a, _ := json.Marshal(create["data"])
	b, _ := json.Marshal(update["data"])
	if create["action"] != "create" || update["action"] != "update" || !bytes.Equal(a, b) || create["id"] == update["id"] {
		t.Errorf("events %s and %s", got[0].body, got[1].body)
	}
	if got[0].Metadata.Webhook.ID != hook.ID {
		t.Errorf("the webhook is called %s", got[0].Metadata.Webhook.ID)
	}
}

func TestNoConfigVarIsInAnEvent(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	r := newReceiver(t)
	subscribe(t, s, "sync", r.URL)
	if err := s.Provision(app, &fakeDatabase{}).Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	idle(t, s)
	if got := len(r.notices()); got != 6 { // of three releases
		t.Errorf("%d notices", got)
	}
	for _, n := range r.notices() {
		for _, c := range s.Credentials() {
			if bytes.Contains(n.body, []byte(c)) {
				t.Errorf("a credential is in event %s", n.Metadata.Event.ID)
			}
		}
	}
}

func TestReleasesAreToldOnlyToThoseWhoIncludeThem(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	r := newReceiver(t)
	if _, err := newClient(t, s, s.Token()).AppWebhookCreate(t.Context(), "sushi", heroku.AppWebhookCreateOpts{
		Include: []string{"api:addon-attachment"}, Level: "sync", URL: r.URL, Secret: heroku.String(signingSecret),
	}); err != nil {
		t.Fatal(err)
	}
	app.Set("FOO", "1")
	if got := deliveries(t, s); len(got) != 0 {
		t.Errorf("%d deliveries", len(got))
	}
}

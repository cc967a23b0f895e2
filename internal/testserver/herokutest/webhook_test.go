package herokutest_test

import (
	"fmt"
	"slices"
	"testing"

	heroku "github.com/heroku/heroku-go/v5"
)

func TestWebhookIsMadeReadChangedAndRemoved(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	client := newClient(t, s, s.Token())
	hook := subscribe(t, s, "sync", "https://receiver.example/a")
	if hook.App.ID != app.ID || hook.Level != "sync" || hook.URL != "https://receiver.example/a" || !slices.Equal(hook.Include, []string{"api:release"}) {
		t.Errorf("made %+v", hook)
	}
	changed, err := client.AppWebhookUpdate(t.Context(), "sushi", hook.ID, heroku.AppWebhookUpdateOpts{URL: heroku.String("https://receiver.example/b")})
	if err != nil || changed.URL != "https://receiver.example/b" || changed.Level != "sync" || len(changed.Include) != 1 {
		t.Errorf("changed %+v, %v", changed, err)
	}
	all, err := client.AppWebhookList(t.Context(), "sushi", nil)
	if err != nil || len(all) != 1 || all[0].ID != hook.ID || all[0].URL != changed.URL {
		t.Errorf("list %+v, %v", all, err)
	}
	if _, err := client.AppWebhookDelete(t.Context(), "sushi", hook.ID); err != nil {
		t.Error(err)
	}
	if all, err := client.AppWebhookList(t.Context(), "sushi", nil); err != nil || len(all) != 0 {
		t.Errorf("list after removal %v, %v", all, err)
	}
	_, err = client.AppWebhookUpdate(t.Context(), "sushi", hook.ID, heroku.AppWebhookUpdateOpts{})
	if he := herokuError(t, err); he.StatusCode != 404 {
		t.Errorf("change after removal got %d", he.StatusCode)
	}
}

func TestAppHasTenWebhooksAtMost(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi")
	for i := range 10 {
		subscribe(t, s, "notify", fmt.Sprintf("https://receiver.example/%d", i))
	}
	client := newClient(t, s, s.Token())
	_, err := client.AppWebhookCreate(t.Context(), "sushi", heroku.AppWebhookCreateOpts{
		Include: []string{"api:release"}, Level: "notify", URL: "https://receiver.example/11",
	})
	if he := herokuError(t, err); he.StatusCode != 422 {
		t.Errorf("the eleventh got %d", he.StatusCode)
	}
	if all, err := client.AppWebhookList(t.Context(), "sushi", nil); err != nil || len(all) != 10 {
		t.Errorf("%d webhooks, %v", len(all), err)
	}
}

func TestWebhookMustNameWhatHerokuAndTheServerKnow(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi")
	hook := subscribe(t, s, "sync", "https://receiver.example")
	client := newClient(t, s, s.Token())
	for name, o := range map[string]heroku.AppWebhookUpdateOpts{
		"an entity": {Include: []*string{heroku.String("api:config-vars")}, URL: heroku.String("https://changed.example")},
		"a header":  {Authorization: heroku.String("Bearer EXAMPLE"), URL: heroku.String("https://changed.example")},
	} {
		_, err := client.AppWebhookUpdate(t.Context(), "sushi", hook.ID, o)
		if he := herokuError(t, err); he.StatusCode != 422 || he.ID != "invalid_params" {
			t.Errorf("%s got %d %s", name, he.StatusCode, he.ID)
		}
	}
	all, err := client.AppWebhookList(t.Context(), "sushi", nil)
	if err != nil || all[0].URL != hook.URL || !slices.Equal(all[0].Include, hook.Include) {
		t.Errorf("what was refused has changed %+v, %v", all, err)
	}
}

func TestSecretIsShownOnceIfHerokuMadeIt(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	r := newReceiver(t)
	resp := raw(t, s, "POST", "/apps/sushi/webhooks", `{"include": ["api:release"], "level": "notify", "url": "`+r.URL+`"}`, nil)
	secret := resp.Header.Get("Heroku-Webhook-Secret")
	if resp.StatusCode != 201 || secret == "" {
		t.Fatalf("got %d, secret of %d characters", resp.StatusCode, len(secret))
	}
	app.Set("FOO", "1")
	idle(t, s)
	checkSigned(t, r.notices(), secret)
	if !slices.Contains(s.Credentials(), secret) {
		t.Error("the secret is not listed")
	}
}

func TestChangedSecretSignsWhatComesNext(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	r := newReceiver(t)
	hook := subscribe(t, s, "sync", r.URL)
	app.Set("FOO", "1")
	idle(t, s)
	if _, err := newClient(t, s, s.Token()).AppWebhookUpdate(t.Context(), "sushi", hook.ID, heroku.AppWebhookUpdateOpts{Secret: heroku.String("another")}); err != nil {
		t.Fatal(err)
	}
	app.Set("FOO", "2")
	idle(t, s)
	checkSigned(t, r.notices()[:2], signingSecret)
	checkSigned(t, r.notices()[2:], "another")
}

package heroku_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	platform "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/heroku"
	"keepcurrent.example/internal/testserver/herokutest"
)

const (
	ours   = "https://ours.example/heroku/webhook"
	theirs = "https://theirs.example/heroku/webhook"
)

// webhooksFixture keeps the webhooks of a Heroku with one app.
type webhooksFixture struct {
	*heroku.Webhooks
	t      *testing.T
	server *herokutest.Server
	person *platform.Service
	made   time.Time // the signing key
}

func newWebhooksFixture(t *testing.T) *webhooksFixture {
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
	server.CreateApp("shop")
	transport := &http.Transport{DisableKeepAlives: true}
	h := &webhooksFixture{t: t, server: server, made: time.Now().Add(-time.Hour)}
	h.person = platform.NewService(&http.Client{Transport: &platform.Transport{BearerToken: server.Token(), Transport: transport}})
	h.person.URL = server.URL
	tokens := &credential.Ring{Read: func(context.Context) ([]credential.Value, error) {
		return []credential.Value{credential.New(server.Token())}, nil
	}}
	h.Webhooks = &heroku.Webhooks{
		API: &heroku.API{URL: server.URL, Tokens: tokens, Transport: transport},
		URL: ours,
		Key: func(context.Context) (credential.Value, time.Time, error) {
			return credential.New("key-EXAMPLE"), h.made, nil
		},
	}
	return h
}

// add is a person's `heroku webhooks:add`.
func (h *webhooksFixture) add(url, level string, include ...string) {
	h.t.Helper()
	_, err := h.person.AppWebhookCreate(h.t.Context(), "shop", platform.AppWebhookCreateOpts{Include: include, Level: level, URL: url})
	if err != nil {
		h.t.Fatal(err)
	}
}

// readOnly gives the functions a token of the scope read-protected.
func (h *webhooksFixture) readOnly() {
	h.t.Helper()
	made, err := h.person.OAuthAuthorizationCreate(h.t.Context(), platform.OAuthAuthorizationCreateOpts{Scope: []string{"read-protected"}})
	if err != nil {
		h.t.Fatal(err)
	}
	h.API.Tokens = &credential.Ring{Read: func(context.Context) ([]credential.Value, error) {
		return []credential.Value{credential.New(made.AccessToken.Token)}, nil
	}}
}

// all describes the app's webhooks.
func (h *webhooksFixture) all() (all []string) {
	h.t.Helper()
	list, err := h.person.AppWebhookList(h.t.Context(), "shop", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, w := range list {
		all = append(all, fmt.Sprint(w.URL, w.Level, w.Include))
	}
	slices.Sort(all)
	return all
}

func TestEnsureLeavesExactlyOneRightSubscription(t *testing.T) {
	t.Parallel()
	const right, foreign = ours + "sync[api:release]", theirs + "notify[api:dyno]"
	tests := map[string]struct {
		before func(h *webhooksFixture)
		did    string
		after  []string
	}{
		"none":               {func(*webhooksFixture) {}, "subscribed", []string{right}},
		"a foreign one":      {func(h *webhooksFixture) { h.add(theirs, "notify", "api:dyno") }, "subscribed", []string{right, foreign}},
		"the right one":      {func(h *webhooksFixture) { h.add(ours, "sync", "api:release") }, "", []string{right}},
		"the wrong level":    {func(h *webhooksFixture) { h.add(ours, "notify", "api:release") }, "repaired", []string{right}},
		"other entities":     {func(h *webhooksFixture) { h.add(ours, "sync", "api:dyno", "api:release") }, "repaired", []string{right}},
		"an older key":       {func(h *webhooksFixture) { h.add(ours, "sync", "api:release"); h.made = time.Now().Add(time.Minute) }, "repaired", []string{right}},
		"doubles":            {func(h *webhooksFixture) { h.add(ours, "sync", "api:release"); h.add(ours, "sync", "api:release") }, "removed a double", []string{right}},
		"doubles, all wrong": {func(h *webhooksFixture) { h.add(ours, "notify", "api:dyno"); h.add(ours, "notify", "api:dyno") }, "repaired", []string{right}},
		"doubles, one right": {func(h *webhooksFixture) { h.add(ours, "notify", "api:release"); h.add(ours, "sync", "api:release") }, "removed a double", []string{right}},
		"doubles, and theirs": {func(h *webhooksFixture) {
			h.add(ours, "sync", "api:release")
			h.add(theirs, "notify", "api:dyno")
			h.add(ours, "sync", "api:release")
		}, "removed a double", []string{right, foreign}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newWebhooksFixture(t)
			tt.before(h)
			did, err := h.Ensure(t.Context(), "shop", false)
			if err != nil || did != tt.did {
				t.Errorf("it %q, want %q: %v", did, tt.did, err)
			}
			if all := h.all(); !slices.Equal(all, tt.after) {
				t.Errorf("webhooks: %v", all)
			}
			h.made = time.Now().Add(-time.Hour)
			if did, err := h.Ensure(t.Context(), "shop", false); did != "" || err != nil {
				t.Errorf("a second time it %q: %v", did, err)
			}
		})
	}
}

// Another person or program has given our subscription another key, after ours was made.
func TestAMissedDeliveryRenewsTheKey(t *testing.T) {
	t.Parallel()
	h := newWebhooksFixture(t)
	h.add(ours, "sync", "api:release")
	if did, err := h.Ensure(t.Context(), "shop", true); did != "repaired" || err != nil {
		t.Errorf("%q, %v", did, err)
	}
}

func TestAnAnswerThatIsCutMakesNoDouble(t *testing.T) {
	t.Parallel()
	h := newWebhooksFixture(t)
	unwrap := h.server.Wrap(herokutest.On("POST /apps/{app}/webhooks", herokutest.CutBody()))
	if did, err := h.Ensure(t.Context(), "shop", false); did != "subscribed" || err != nil {
		t.Errorf("%q, %v", did, err)
	}
	unwrap()
	h.server.Wrap(herokutest.On("GET /apps/{app}/webhooks", herokutest.Times(1, herokutest.Null())))
	if did, err := h.Ensure(t.Context(), "shop", false); did != "" || err != nil {
		t.Errorf("a list that was null for once: %q, %v", did, err)
	}
	if all := h.all(); len(all) != 1 {
		t.Errorf("webhooks: %v", all)
	}
}

func TestEnsureRespectsHerokusLimit(t *testing.T) {
	t.Parallel()
	h := newWebhooksFixture(t)
	for i := range 10 {
		h.add(fmt.Sprint(theirs, i), "notify", "api:dyno")
	}
	if _, err := h.Ensure(t.Context(), "shop", false); !errors.Is(err, heroku.ErrWebhookLimit) || !heroku.NeedsPerson(err) {
		t.Error(err)
	}
	if len(h.all()) != 10 {
		t.Error("a foreign webhook is gone")
	}
}

// With the scope read-protected. Whatever the webhook lacks, a person must repair it.
func TestATokenThatMayOnlyReadSaysHowTheWebhookIs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before func(h *webhooksFixture)
		missed bool
		want   string // a part of the error, "" for none
	}{
		"missing":                      {func(h *webhooksFixture) { h.add(theirs, "sync", "api:release") }, false, "the webhook of app shop is missing: "},
		"wrong":                        {func(h *webhooksFixture) { h.add(ours, "notify", "api:release") }, false, "the webhook of app shop is wrong: "},
		"doubled":                      {func(h *webhooksFixture) { h.add(ours, "sync", "api:release"); h.add(ours, "sync", "api:release") }, false, "is doubled: "},
		"right":                        {func(h *webhooksFixture) { h.add(ours, "sync", "api:release") }, false, ""},
		"right, and a delivery missed": {func(h *webhooksFixture) { h.add(ours, "sync", "api:release") }, true, "the webhook of app shop is right: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newWebhooksFixture(t)
			tt.before(h)
			before := h.all()
			h.readOnly()
			did, err := h.Ensure(t.Context(), "shop", tt.missed)
			if did != "" || heroku.NeedsPerson(err) != (tt.want != "") || tt.want != "" && !strings.Contains(err.Error(), tt.want) || tt.want == "" && err != nil {
				t.Errorf("%q, %v", did, err)
			}
			if all := h.all(); !slices.Equal(all, before) {
				t.Errorf("webhooks: %v", all)
			}
		})
	}
}

func TestRemoveTakesOursAlone(t *testing.T) {
	t.Parallel()
	h := newWebhooksFixture(t)
	h.add(theirs, "notify", "api:dyno")
	h.add(ours, "sync", "api:release")
	h.add(ours, "sync", "api:release")
	if did, err := h.Remove(t.Context(), "shop"); did != "unsubscribed" || err != nil {
		t.Errorf("%q, %v", did, err)
	}
	if did, err := h.Remove(t.Context(), "shop"); did != "" || err != nil {
		t.Errorf("a second time: %q, %v", did, err)
	}
	if all := h.all(); len(all) != 1 {
		t.Errorf("webhooks: %v", all)
	}
}

func TestAFailureIsAnErrorAndNotReportedAsDone(t *testing.T) {
	t.Parallel()
	noKey := func(h *webhooksFixture) {
		h.Key = func(context.Context) (credential.Value, time.Time, error) {
			return credential.Value{}, time.Time{}, errors.New("no key")
		}
	}
	refused := func(route string) func(h *webhooksFixture) {
		return func(h *webhooksFixture) { h.server.Wrap(herokutest.On(route, herokutest.Refuse(403, "forbidden"))) }
	}
	const list, one = "/apps/{app}/webhooks", "/apps/{app}/webhooks/{webhook}"
	ensure := func(h *webhooksFixture) (string, error) { return h.Ensure(h.t.Context(), "shop", false) }
	state := func(h *webhooksFixture) (string, error) { return h.State(h.t.Context(), "shop") }
	remove := func(h *webhooksFixture) (string, error) { return h.Remove(h.t.Context(), "shop") }
	tests := map[string]struct {
		wrong   int // subscriptions of ours
		trouble func(h *webhooksFixture)
		do      func(h *webhooksFixture) (string, error)
	}{
		"ensure without a key":           {0, noKey, ensure},
		"state without a key":            {0, noKey, state},
		"ensure, the list is refused":    {0, refused("GET " + list), ensure},
		"state, the list is refused":     {0, refused("GET " + list), state},
		"remove, the list is refused":    {0, refused("GET " + list), remove},
		"ensure, a new one is refused":   {0, refused("POST " + list), ensure},
		"ensure, a change is refused":    {1, refused("PATCH " + one), ensure},
		"ensure, a removal is refused":   {2, refused("DELETE " + one), ensure},
		"remove, the removal is refused": {1, refused("DELETE " + one), remove},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newWebhooksFixture(t)
			for range tt.wrong {
				h.add(ours, "notify", "api:release")
			}
			tt.trouble(h)
			if did, err := tt.do(h); did != "" || err == nil {
				t.Errorf("%q, %v", did, err)
			}
		})
	}
}

func TestStateTellsAndTouchesNothing(t *testing.T) {
	t.Parallel()
	tests := map[string]func(h *webhooksFixture){
		"missing": func(h *webhooksFixture) { h.add(theirs, "sync", "api:release") },
		"right":   func(h *webhooksFixture) { h.add(ours, "sync", "api:release") },
		"wrong":   func(h *webhooksFixture) { h.add(ours, "notify", "api:release") },
		"doubled": func(h *webhooksFixture) { h.add(ours, "sync", "api:release"); h.add(ours, "sync", "api:release") },
	}
	for want, before := range tests {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			h := newWebhooksFixture(t)
			before(h)
			all := h.all()
			if state, err := h.State(t.Context(), "shop"); state != want || err != nil {
				t.Errorf("%q, %v", state, err)
			}
			if !slices.Equal(h.all(), all) {
				t.Errorf("webhooks: %v", h.all())
			}
		})
	}
}

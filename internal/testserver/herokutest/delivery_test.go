package herokutest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	heroku "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/testserver/herokutest"
)

func TestSyncRetriesUntilSuccessAndHoldsUpWhatFollows(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	r := newReceiver(t, 503, 302, 404)
	subscribe(t, s, "sync", r.URL)
	app.Set("FOO", "1")
	app.Set("FOO", "2")
	idle(t, s)
	want := []seen{{2, "create"}, {2, "create"}, {2, "create"}, {2, "create"}, {2, "update"}, {3, "create"}, {3, "update"}}
	if got := r.releases(); !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	got := r.notices()
	if a, b := got[0].Metadata, got[3].Metadata; a.Event != b.Event || a.Delivery != b.Delivery || a.Attempt == b.Attempt {
		t.Errorf("a retry has %v for %v", b, a)
	}
}

func TestNotifyIsOneAttempt(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	r := newReceiver(t, 503)
	subscribe(t, s, "notify", r.URL)
	app.Set("FOO", "1")
	idle(t, s)
	if got, want := r.releases(), []seen{{2, "create"}, {2, "update"}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestDeliveriesAreOnRecord(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	tests := map[string]struct {
		level, url string
		codes      []int // of the receiver, if there is no url
		status     string
		attempts   int
		code       int // 0: there was no answer
	}{
		"delivered":   {level: "sync", status: "succeeded", attempts: 1, code: 204},
		"at last":     {level: "sync", codes: []int{500, 401}, status: "succeeded", attempts: 3, code: 204},
		"refused":     {level: "notify", codes: []int{500}, status: "failed", attempts: 1, code: 500},
		"no receiver": {level: "notify", url: gone.URL, status: "failed", attempts: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			app := s.CreateApp("sushi")
			if tt.url == "" {
				tt.url = newReceiver(t, tt.codes...).URL
			}
			hook := subscribe(t, s, tt.level, tt.url)
			app.Set("FOO", "1")
			idle(t, s)
			d := worstDelivery(t, s)
			if d.Status != tt.status || d.NumAttempts != tt.attempts || d.Webhook.ID != hook.ID || d.Webhook.Level != tt.level || d.NextAttemptAt != nil {
				t.Errorf("delivery %+v", d)
			}
			code := 0
			if d.LastAttempt.Code != nil {
				code = *d.LastAttempt.Code
			}
			if d.LastAttempt.Status != tt.status || code != tt.code {
				t.Errorf("last attempt %+v", d.LastAttempt)
			}
		})
	}
}

func deliveries(t *testing.T, s *herokutest.Server) heroku.AppWebhookDeliveryListResult {
	t.Helper()
	all, err := newClient(t, s, s.Token()).AppWebhookDeliveryList(t.Context(), "sushi", nil)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// worstDelivery returns one of the two deliveries for a release: the failed one, or else
// the one with more attempts.
func worstDelivery(t *testing.T, s *herokutest.Server) heroku.AppWebhookDelivery {
	t.Helper()
	all := deliveries(t, s)
	if len(all) != 2 {
		t.Fatalf("%d deliveries", len(all))
	}
	if all[1].Status == "failed" || all[1].NumAttempts > all[0].NumAttempts {
		return all[1]
	}
	return all[0]
}

func TestRetryingDeliveryIsVisibleAndEndsWithItsWebhook(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	r := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }))
	t.Cleanup(r.Close)
	hook := subscribe(t, s, "sync", r.URL)
	app.Set("FOO", "1")
	isRetrying := func(d heroku.AppWebhookDelivery) bool { return d.Status == "retrying" && d.NextAttemptAt != nil }
	for !slices.ContainsFunc(deliveries(t, s), isRetrying) { // its first attempt is under way
		continue
	}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.DeliveriesIdle(late); !errors.Is(err, context.Canceled) {
		t.Errorf("idle with a delivery to be retried: %v", err)
	}
	if _, err := newClient(t, s, s.Token()).AppWebhookDelete(t.Context(), "sushi", hook.ID); err != nil {
		t.Fatal(err)
	}
	idle(t, s)
}

func TestPolicyDecidesWhatArrives(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		policy herokutest.Policy
		want   []seen
	}{
		"as it should be": {herokutest.Policy{}, []seen{{2, "create"}, {2, "update"}, {3, "create"}, {3, "update"}}},
		"all lost":        {herokutest.Policy{Drop: true}, nil},
		"each twice": {herokutest.Policy{Copies: 2}, []seen{{2, "create"}, {2, "create"}, {2, "update"}, {2, "update"},
			{3, "create"}, {3, "create"}, {3, "update"}, {3, "update"}}},
		"backwards": {herokutest.Policy{Reverse: true}, []seen{{3, "update"}, {3, "create"}, {2, "update"}, {2, "create"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			app := s.CreateApp("sushi")
			r := newReceiver(t)
			subscribe(t, s, "sync", r.URL)
			s.SetPolicy(tt.policy)
			release := s.HoldDeliveries()
			app.Set("FOO", "1")
			app.Set("FOO", "2")
			if got := r.notices(); len(got) != 0 {
				t.Errorf("%d deliveries while held", len(got))
			}
			release()
			idle(t, s)
			if got := r.releases(); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSlowSubscriptionDoesNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	free := make(chan struct{})
	stuck := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-free }))
	t.Cleanup(func() { close(free); stuck.Close() })
	got := make(chan struct{})
	quick := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got <- struct{}{} }))
	t.Cleanup(quick.Close)
	subscribe(t, s, "sync", stuck.URL)
	subscribe(t, s, "sync", quick.URL)
	app.Set("FOO", "1")
	<-got
	<-got
}

// `heroku webhooks:deliveries` asks for them so.
func TestDeliveriesComeByTheOrderInWhichTheyWereMade(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	subscribe(t, s, "sync", newReceiver(t).URL)
	for range 5 {
		app.Unset("FOO")
	}
	idle(t, s)
	list := func(header string) (ids []string) {
		resp := raw(t, s, "GET", "/apps/sushi/webhook-deliveries", "", map[string]string{"Range": header, "Accept": "application/vnd.heroku+json; version=3.webhooks"})
		var all []struct{ ID string }
		if err := json.NewDecoder(resp.Body).Decode(&all); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: got %d, %v", header, resp.StatusCode, err)
		}
		for _, d := range all {
			ids = append(ids, d.ID)
		}
		return ids
	}
	newest, oldest := list("seq ..; order=desc,max=1000"), list("seq ..")
	slices.Reverse(newest)
	if len(newest) != 10 || !slices.Equal(newest, oldest) {
		t.Errorf("by seq, the newest first: %v, the oldest first: %v", newest, oldest)
	}
	if slices.IsSorted(oldest) {
		t.Error("by seq they come as by id")
	}
}

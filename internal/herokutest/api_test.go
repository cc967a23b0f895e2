package herokutest_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	heroku "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/herokutest"
)

func TestEveryRequestNeedsVersionAndToken(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi")
	tests := map[string]struct {
		header map[string]string
		status int
		id     string
	}{
		"version 3":             {nil, 200, ""},
		"a variant of it":       {map[string]string{"Accept": "application/vnd.heroku+json; version=3.webhooks"}, 200, ""},
		"no version":            {map[string]string{"Accept": "application/json"}, 406, "not_acceptable"},
		"another version":       {map[string]string{"Accept": "application/vnd.heroku+json; version=30"}, 406, "not_acceptable"},
		"no accept":             {map[string]string{"Accept": ""}, 406, "not_acceptable"},
		"no token":              {map[string]string{"Authorization": ""}, 401, "unauthorized"},
		"wrong token":           {map[string]string{"Authorization": "Bearer HRKU-EXAMPLE-wrong"}, 401, "unauthorized"},
		"token without bearer":  {map[string]string{"Authorization": s.Token()}, 401, "unauthorized"},
		"no version, no token":  {map[string]string{"Accept": "*/*", "Authorization": ""}, 406, "not_acceptable"},
		"token with a tail":     {map[string]string{"Authorization": "Bearer " + s.Token() + "x"}, 401, "unauthorized"},
		"a version and a space": {map[string]string{"Accept": "application/vnd.heroku+json;version=3"}, 200, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			resp := raw(t, s, "GET", "/apps/sushi/config-vars", tt.header)
			var e struct{ ID, Message string }
			if resp.StatusCode != 200 {
				if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || e.Message == "" {
					t.Errorf("error body has message %q, %v", e.Message, err)
				}
			}
			if resp.StatusCode != tt.status || e.ID != tt.id {
				t.Errorf("got %d %q, want %d %q", resp.StatusCode, e.ID, tt.status, tt.id)
			}
		})
	}
}

func TestRotatedTokenIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi")
	old := s.Token()
	if fresh := s.RotateToken(); fresh == old || !strings.HasPrefix(fresh, "HRKU-EXAMPLE-") {
		t.Fatalf("new token has the wrong form or is the old one")
	}
	_, err := newClient(t, s, old).ConfigVarInfoForApp(t.Context(), "sushi")
	if he := herokuError(t, err); he.StatusCode != 401 || he.ID != "unauthorized" {
		t.Errorf("old token got %d %s", he.StatusCode, he.ID)
	}
	if _, err := newClient(t, s, s.Token()).ConfigVarInfoForApp(t.Context(), "sushi"); err != nil {
		t.Errorf("new token: %v", err)
	}
}

func TestAppIsFoundByNameOrID(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	s.CreateApp("a23456789-123456789-123456789x") // the longest name there can be
	client := newClient(t, s, s.Token())
	for _, id := range []string{app.ID, app.Name} {
		got, err := client.AppInfo(t.Context(), id)
		if err != nil || got.ID != app.ID || got.Name != app.Name {
			t.Errorf("app %s: %v, %v", id, got, err)
		}
	}
	_, err := client.AppInfo(t.Context(), "ramen")
	if he := herokuError(t, err); he.StatusCode != 404 || he.ID != "not_found" {
		t.Errorf("unknown app got %d %s", he.StatusCode, he.ID)
	}
	if apps, err := client.AppList(t.Context(), &heroku.ListRange{Field: "name"}); err != nil || len(apps) != 2 || apps[1].Name != "sushi" {
		t.Errorf("list of apps: %d, %v", len(apps), err)
	}
}

func TestCreateAppPanicsOnAName(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("taken")
	for _, name := range []string{"taken", "", "ab", "Sushi", "9lives", "ends-with-dash-"} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			s.CreateApp(name)
		})
	}
}

func TestUnknownCallIs404(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi")
	for _, call := range []string{"GET /nonsense", "PUT /apps/sushi/config-vars", "GET /apps/a/b/config-vars", "GET /apps/sushi/releases/99",
		"GET /apps/sushi/webhooks/none", "GET /apps/sushi/webhook-deliveries/none", "GET /apps/sushi/releases/99/config-vars"} {
		method, path, _ := strings.Cut(call, " ")
		if resp := raw(t, s, method, path, nil); resp.StatusCode != 404 {
			t.Errorf("%s got %d", call, resp.StatusCode)
		}
	}
}

func TestRateLimitIsTheAccounts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi")
	s.SetRateLimit(2, 0)
	client := newClient(t, s, s.Token())
	for want := 1; want >= 0; want-- {
		if _, err := client.AppInfo(t.Context(), "sushi"); err != nil {
			t.Fatal(err)
		}
		limit, err := client.RateLimitInfo(t.Context()) // free, and so asked as often as one likes
		if err != nil || limit.Remaining != want {
			t.Errorf("remaining %v, %v, want %d", limit, err, want)
		}
	}
	_, err := newClient(t, s, s.RotateToken()).AppInfo(t.Context(), "sushi")
	if he := herokuError(t, err); he.StatusCode != 429 || he.ID != "rate_limit" {
		t.Errorf("call over the limit got %d %s", he.StatusCode, he.ID)
	}
	if resp := raw(t, s, "GET", "/apps", nil); resp.Header.Get("RateLimit-Remaining") != "0" {
		t.Errorf("header says %q", resp.Header.Get("RateLimit-Remaining"))
	}
	s.SetRateLimit(4500, 75)
	if resp := raw(t, s, "GET", "/apps", nil); resp.StatusCode != 200 || resp.Header.Get("RateLimit-Remaining") != "4499" {
		t.Errorf("with a new limit got %d, remaining %q", resp.StatusCode, resp.Header.Get("RateLimit-Remaining"))
	}
}

func TestRefusedTokenCostsNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.SetRateLimit(5, 0)
	resp := raw(t, s, "GET", "/apps", map[string]string{"Authorization": "Bearer wrong"})
	if got := resp.Header.Get("RateLimit-Remaining"); got != "5" {
		t.Errorf("remaining %q", got)
	}
}

func TestRequestIDsAreListed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	theirs := "11111111-2222-4333-8444-555555555555"
	ids := strings.Split(raw(t, s, "GET", "/apps", map[string]string{"Request-Id": theirs}).Header.Get("Request-Id"), ",")
	if len(ids) != 2 || ids[0] != theirs || ids[1] == "" {
		t.Errorf("request ids %q", ids)
	}
}

func TestCallsAreCountedByRoute(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi")
	const route = "GET /apps/{app}/config-vars"
	raw(t, s, "GET", "/apps/sushi/config-vars", nil)
	raw(t, s, "GET", "/apps/ramen/config-vars", map[string]string{"Authorization": ""})
	raw(t, s, "GET", "/nonsense", nil)
	unwrap := s.Wrap(herokutest.HTML503())
	raw(t, s, "GET", "/apps/sushi/config-vars", nil)
	unwrap()
	if calls := s.Calls(); calls[route] != 3 || calls["/"] != 1 {
		t.Errorf("calls %v", calls)
	}
	s.ResetCalls()
	if calls := s.Calls(); len(calls) != 0 {
		t.Errorf("calls after reset %v", calls)
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	s, err := herokutest.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	arrived := make(chan struct{})
	s.Wrap(func(http.Handler) http.Handler {
		hang := herokutest.Hang()(nil)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { close(arrived); hang.ServeHTTP(w, r) })
	})
	done := make(chan error)
	go func() {
		_, err := newClient(t, s, s.Token()).AppInfo(t.Context(), "sushi")
		done <- err
	}()
	<-arrived
	s.Close()
	if err := <-done; err == nil {
		t.Error("a request that hung was answered")
	}
}

func TestCredentialsHoldEverySecretEverShown(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	first := s.Token()
	app.Set("MADE_BY_HAND", "postgres://u:p%40ss-example@h/d")
	app.Set("PLAIN", "value")
	s.Provision(app, &fakeDatabase{})
	want := []string{first, s.RotateToken(), "postgres://u:p%40ss-example@h/d", "p@ss-example",
		"postgres://user0:pw-example-0@host0.example:5432/db", "pw-example-0"}
	for _, w := range want {
		if !slices.Contains(s.Credentials(), w) {
			t.Errorf("%q is not listed", w)
		}
	}
	if slices.Contains(s.Credentials(), "value") {
		t.Error("a value that is no credential is listed")
	}
}

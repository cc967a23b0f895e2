package herokutest_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keepcurrent.example/internal/testserver/herokutest"
)

const configVars = "GET /apps/{app}/config-vars"

func TestEveryRequestNeedsVersionAndToken(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi")
	tests := map[string]struct {
		header map[string]string
		status int
		id     string
	}{
		"version 3":               {nil, 200, ""},
		"version without a space": {map[string]string{"Accept": "application/vnd.heroku+json;version=3"}, 200, ""},
		"the SDK's variant":       {map[string]string{"Accept": "application/vnd.heroku+json; version=3.sdk"}, 200, ""},
		"the webhooks' variant":   {map[string]string{"Accept": "application/vnd.heroku+json; version=3.webhooks"}, 200, ""},
		"a minor version":         {map[string]string{"Accept": "application/vnd.heroku+json; version=3.1"}, 406, "not_acceptable"},
		"an empty variant":        {map[string]string{"Accept": "application/vnd.heroku+json; version=3."}, 406, "not_acceptable"},
		"no version":              {map[string]string{"Accept": "application/json"}, 406, "not_acceptable"},
		"another version":         {map[string]string{"Accept": "application/vnd.heroku+json; version=30"}, 406, "not_acceptable"},
		"no accept":               {map[string]string{"Accept": ""}, 406, "not_acceptable"},
		"no token":                {map[string]string{"Authorization": ""}, 401, "unauthorized"},
		"wrong token":             {map[string]string{"Authorization": "Bearer HRKU-EXAMPLE-wrong"}, 401, "unauthorized"},
		"token without bearer":    {map[string]string{"Authorization": s.Token()}, 401, "unauthorized"},
		"token as a password":     {map[string]string{"Authorization": basic(s.Token())}, 200, ""},
		"wrong password":          {map[string]string{"Authorization": basic("HRKU-EXAMPLE-wrong")}, 401, "unauthorized"},
		"token with a tail":       {map[string]string{"Authorization": "Bearer " + s.Token() + "x"}, 401, "unauthorized"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			resp := raw(t, s, "GET", "/apps/sushi/config-vars", "", tt.header)
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

func basic(password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(":"+password))
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
	app := s.CreateApp("a23456789-123456789-123456789x") // the longest name there can be
	app.Set("FOO", "bar")
	s.CreateApp("sushi")
	for _, id := range []string{app.ID, app.Name} {
		if got := configVar(t, s, id, "FOO"); got != "bar" {
			t.Errorf("app %s: %q", id, got)
		}
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
	for _, call := range []string{"GET /nonsense", "GET /apps/sushi", "PUT /apps/sushi/config-vars", "GET /apps/a/b/config-vars",
		"GET /apps/ramen/config-vars", "DELETE /apps/sushi/webhooks/none"} {
		method, path, _ := strings.Cut(call, " ")
		if resp := raw(t, s, method, path, "", nil); resp.StatusCode != 404 {
			t.Errorf("%s got %d", call, resp.StatusCode)
		}
	}
}

func TestRateLimitIsTheAccounts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi")
	ask := func(status int, left string) {
		t.Helper()
		resp := raw(t, s, "GET", "/apps/sushi/config-vars", "", nil)
		if got := resp.Header.Get("RateLimit-Remaining"); resp.StatusCode != status || got != left {
			t.Errorf("got %d with %q left, want %d with %q", resp.StatusCode, got, status, left)
		}
	}
	ask(200, "4499")
	s.SetRateLimit(2)
	ask(200, "1")
	raw(t, s, "GET", "/apps/sushi/config-vars", "", map[string]string{"Authorization": "Bearer wrong"}) // costs nothing
	ask(200, "0")
	ask(429, "0")
	s.RotateToken()
	ask(429, "0")
}

func TestCallsAreCountedByRoute(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi")
	raw(t, s, "GET", "/apps/sushi/config-vars", "", nil)
	raw(t, s, "GET", "/apps/ramen/config-vars", "", map[string]string{"Authorization": ""})
	raw(t, s, "GET", "/nonsense", "", nil)
	unwrap := s.Wrap(herokutest.HTML503())
	raw(t, s, "GET", "/apps/sushi/config-vars", "", nil)
	unwrap()
	if calls := s.Calls(); calls[configVars] != 3 || calls["/"] != 1 {
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
	app := s.CreateApp("sushi")
	subscribe(t, s, "sync", newReceiver(t, slices.Repeat([]int{500}, 1000)...).URL)
	app.Set("FOO", "1") // a delivery that is retried for as long as there is a Heroku
	arrived := make(chan struct{})
	s.Wrap(func(http.Handler) http.Handler {
		hang := herokutest.Hang()(nil)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { close(arrived); hang.ServeHTTP(w, r) })
	})
	done := make(chan error)
	go func() {
		_, err := newClient(t, s, s.Token()).ConfigVarInfoForApp(t.Context(), "sushi")
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

func TestRateLimitsAreReadFreeOfCharge(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi")
	ask := func(want int) {
		t.Helper()
		info, err := newClient(t, s, s.Token()).RateLimitInfo(t.Context())
		if err != nil || info.Remaining != want {
			t.Errorf("got %+v, %v, want %d", info, err, want)
		}
	}
	ask(4500)
	raw(t, s, "GET", "/apps/sushi/config-vars", "", nil)
	ask(4499)
	s.SetRateLimit(0)
	ask(0) // and not 429
	if n := s.Calls()["GET /account/rate-limits"]; n != 3 {
		t.Errorf("%d calls were counted", n)
	}
	_, err := newClient(t, s, "HRKU-EXAMPLE-wrong").RateLimitInfo(t.Context())
	if he := herokuError(t, err); he.StatusCode != 401 {
		t.Errorf("a wrong token got %d", he.StatusCode)
	}
	s.Wrap(herokutest.On("GET /account/rate-limits", herokutest.Refuse(403, "forbidden")))
	_, err = newClient(t, s, s.Token()).RateLimitInfo(t.Context())
	if he := herokuError(t, err); he.StatusCode != 403 {
		t.Errorf("the fault was answered %d", he.StatusCode)
	}
}

package herokutest_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	heroku "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/testserver/herokutest"
)

func TestAnAuthorizationsTokenIsGoodUntilItIsRevoked(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi")
	owner := newClient(t, s, s.Token())
	made, err := owner.OAuthAuthorizationCreate(t.Context(), heroku.OAuthAuthorizationCreateOpts{
		Description: heroku.String("keepcurrent"), Scope: []string{"write-protected"},
	})
	if err != nil {
		t.Fatal(err)
	}
	token := made.AccessToken.Token
	if !slices.Contains(s.Credentials(), token) {
		t.Error("the token is not among the credentials")
	}
	ask := func(want int) {
		t.Helper()
		resp := raw(t, s, "GET", "/apps/sushi/config-vars", "", map[string]string{"Authorization": "Bearer " + token})
		if resp.StatusCode != want {
			t.Errorf("got %d, want %d", resp.StatusCode, want)
		}
	}
	ask(200)
	s.RotateToken() // is another one
	ask(200)
	owner = newClient(t, s, s.Token())
	list, err := owner.OAuthAuthorizationList(t.Context(), nil)
	if err != nil || len(list) != 1 || list[0].ID != made.ID || !slices.Equal(list[0].Scope, []string{"write-protected"}) {
		t.Errorf("list %v, %v", list, err)
	}
	if _, err := owner.OAuthAuthorizationDelete(t.Context(), made.ID); err != nil {
		t.Error(err)
	}
	ask(401)
	_, err = owner.OAuthAuthorizationDelete(t.Context(), made.ID)
	if he := herokuError(t, err); he.StatusCode != 404 {
		t.Errorf("revoked twice: %d", he.StatusCode)
	}
	_, err = owner.OAuthAuthorizationCreate(t.Context(), heroku.OAuthAuthorizationCreateOpts{Scope: []string{"everything"}})
	if he := herokuError(t, err); he.StatusCode != 422 {
		t.Errorf("an unknown scope: %d", he.StatusCode)
	}
}

func TestATokenMayDoWhatItsScopeSays(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi")
	requests := map[string][]string{
		"config vars": {"GET", "/apps/sushi/config-vars", ""},
		"releases":    {"GET", "/apps/sushi/releases", ""},
		"webhooks":    {"GET", "/apps/sushi/webhooks", ""},
		"set":         {"PATCH", "/apps/sushi/config-vars", `{"FOO":"bar"}`},
		"subscribe":   {"POST", "/apps/sushi/webhooks", `{"include":["api:release"],"level":"sync","url":"https://example.com/hook"}`},
		"limits":      {"GET", "/account/rate-limits", ""},
		"tokens":      {"GET", "/oauth/authorizations", ""},
	}
	for scope, may := range map[string]string{
		"identity":        "limits",
		"read":            "limits releases webhooks",
		"write":           "limits releases subscribe webhooks",
		"read-protected":  "config vars limits releases webhooks",
		"write-protected": "config vars limits releases set subscribe webhooks",
		"global":          "config vars limits releases set subscribe tokens webhooks",
	} {
		made, err := newClient(t, s, s.Token()).OAuthAuthorizationCreate(t.Context(), heroku.OAuthAuthorizationCreateOpts{Scope: []string{scope}})
		if err != nil {
			t.Fatal(err)
		}
		var allowed []string
		for _, name := range slices.Sorted(maps.Keys(requests)) {
			r := requests[name]
			resp := raw(t, s, r[0], r[1], r[2], map[string]string{"Authorization": "Bearer " + made.AccessToken.Token})
			switch {
			case resp.StatusCode < 300:
				allowed = append(allowed, name)
			case resp.StatusCode != 403:
				t.Errorf("%s with the scope %s: %d", name, scope, resp.StatusCode)
			}
		}
		if got := strings.Join(allowed, " "); got != may {
			t.Errorf("the scope %s allows %q, want %q", scope, got, may)
		}
	}
}

// authorize makes a token and returns the id of its authorization.
func authorize(t *testing.T, s *herokutest.Server, description string) string {
	t.Helper()
	made, err := newClient(t, s, s.Token()).OAuthAuthorizationCreate(t.Context(), heroku.OAuthAuthorizationCreateOpts{
		Description: &description, Scope: []string{"write-protected"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return made.ID
}

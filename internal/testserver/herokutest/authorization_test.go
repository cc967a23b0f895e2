package herokutest_test

import (
	"slices"
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

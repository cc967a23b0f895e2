package herokutest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// scopes are what an authorization may allow:
// https://devcenter.heroku.com/articles/oauth#scopes
var scopes = []string{"global", "identity", "read", "write", "read-protected", "write-protected"}

// An authorization is a token that a user made for a program, in the form of the schema.
type authorization struct {
	AccessToken  accessToken `json:"access_token"`
	Client       *struct{}   `json:"client"`
	CreatedAt    time.Time   `json:"created_at"`
	Description  string      `json:"description"`
	Grant        *struct{}   `json:"grant"`
	ID           string      `json:"id"`
	RefreshToken *struct{}   `json:"refresh_token"`
	Scope        []string    `json:"scope"`
	UpdatedAt    time.Time   `json:"updated_at"`
	User         person      `json:"user"`
}

type accessToken struct {
	ExpiresIn *int   `json:"expires_in"` // nil: it does not expire
	ID        string `json:"id"`
	Token     string `json:"token"`
}

type person struct {
	account
	FullName *string `json:"full_name"`
}

// createAuthorization makes another token beside that of [Server.Token], which may do
// everything. This one may do what its scope says.
func (s *Server) createAuthorization(c *call) (any, error) {
	var in struct {
		Description string
		Scope       []string
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(in.Scope, func(scope string) bool { return !slices.Contains(scopes, scope) }) {
		return nil, invalid("The scope must be of " + strings.Join(scopes, ", ") + ".")
	}
	c.status = http.StatusCreated
	return s.authorize(in.Description, in.Scope), nil
}

// Authorize makes a token that may do what the scope says, and returns it.
func (s *Server) Authorize(scope string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.authorize("", []string{scope}).AccessToken.Token
}

// Revoke revokes all tokens but that of [Server.Token].
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.authorizations = nil
}

// authorize makes a token. The caller holds s.mu.
func (s *Server) authorize(description string, scope []string) authorization {
	now := seconds(time.Now())
	a := authorization{
		AccessToken: accessToken{ID: newID(), Token: newToken()},
		CreatedAt:   now,
		Description: description,
		ID:          newID(),
		Scope:       scope,
		UpdatedAt:   now,
		User:        person{account: user},
	}
	s.remember(a.AccessToken.Token)
	s.authorizations = append(s.authorizations, a)
	return a
}

func (s *Server) listAuthorizations(c *call) (any, error) {
	return page(c, s.authorizations, "id", map[string]func(a, b authorization) int{
		"id": func(a, b authorization) int { return cmp.Compare(a.ID, b.ID) },
	})
}

// deleteAuthorization revokes a token: it is answered 401 from now on.
func (s *Server) deleteAuthorization(c *call) (any, error) {
	id := c.request.PathValue("authorization")
	i := slices.IndexFunc(s.authorizations, func(a authorization) bool { return a.ID == id })
	if i < 0 {
		return nil, notFound("authorization")
	}
	revoked := s.authorizations[i]
	s.authorizations = slices.Delete(s.authorizations, i, i+1)
	return revoked, nil
}

// scopeOf returns the scope of a request's token, or false if it has no valid one. A token
// is a bearer token or the password of basic authentication, which `heroku webhooks` uses:
// https://github.com/heroku/cli/blob/main/src/lib/webhooks/base.ts
// The caller holds the server's lock.
func (s *Server) scopeOf(r *http.Request) (scope []string, ok bool) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		_, token, ok = r.BasicAuth()
	}
	if ok && token == s.token {
		return []string{"global"}, true
	}
	i := slices.IndexFunc(s.authorizations, func(a authorization) bool { return a.AccessToken.Token == token })
	if !ok || i < 0 {
		return nil, false
	}
	return s.authorizations[i].Scope, true
}

// accepted returns the scopes of which a request needs one. Heroku names them in the header
// Oauth-Scope-Accepted. Published recordings have those of the config vars (2015) and of
// another request that writes (2022); those of webhooks are a guess.
func accepted(method, pattern string) []string {
	isRead, isProtected := method == http.MethodGet, strings.HasSuffix(pattern, "/config-vars")
	switch {
	case pattern == rateLimits:
		return scopes
	case strings.Contains(pattern, "/oauth/"):
		return []string{"global"}
	case isRead && isProtected:
		return []string{"global", "read-protected", "write-protected"}
	case isRead:
		return []string{"global", "read", "write", "read-protected", "write-protected"}
	case isProtected:
		return []string{"global", "write-protected"}
	}
	return []string{"global", "write", "write-protected"}
}

package herokutest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// An appAnswer is an app in the form of the schema:
// https://devcenter.heroku.com/articles/platform-api-reference#app
type appAnswer struct {
	ACM                          bool      `json:"acm"`
	ArchivedAt                   *string   `json:"archived_at"`
	BuildpackProvidedDescription *string   `json:"buildpack_provided_description"`
	BuildStack                   identity  `json:"build_stack"`
	CreatedAt                    time.Time `json:"created_at"`
	GitURL                       string    `json:"git_url"`
	ID                           string    `json:"id"`
	InternalRouting              *bool     `json:"internal_routing"`
	Maintenance                  bool      `json:"maintenance"`
	Name                         string    `json:"name"`
	Owner                        account   `json:"owner"`
	Organization                 *identity `json:"organization"`
	Team                         *identity `json:"team"`
	Region                       identity  `json:"region"`
	ReleasedAt                   time.Time `json:"released_at"`
	RepoSize                     *int      `json:"repo_size"`
	SlugSize                     *int      `json:"slug_size"`
	Space                        *identity `json:"space"`
	Stack                        identity  `json:"stack"`
	UpdatedAt                    time.Time `json:"updated_at"`
	WebURL                       string    `json:"web_url"`
}

var (
	stack  = identity{newID(), "heroku-24"}
	region = identity{newID(), "us"}
)

func (a *App) answer() appAnswer {
	newest := a.releases[len(a.releases)-1].CreatedAt
	return appAnswer{
		BuildStack: stack, CreatedAt: a.releases[0].CreatedAt, GitURL: "https://git.heroku.com/" + a.Name + ".git", ID: a.ID, Name: a.Name,
		Owner: user, Region: region, ReleasedAt: newest, Stack: stack, UpdatedAt: newest, WebURL: "https://" + a.Name + ".herokuapp.com/",
	}
}

// listApps lists the apps that the account may see.
func (s *Server) listApps(c *call) (any, error) {
	var all []appAnswer
	for _, app := range s.apps {
		if !app.foreign {
			all = append(all, app.answer())
		}
	}
	return page(c, all, "name", map[string]func(a, b appAnswer) int{
		"name": func(a, b appAnswer) int { return cmp.Compare(a.Name, b.Name) },
		"id":   func(a, b appAnswer) int { return cmp.Compare(a.ID, b.ID) },
	})
}

// postApp makes an app. Its body must have a name, though Heroku would make one up.
func (s *Server) postApp(c *call) (any, error) {
	var in struct{ Name string }
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, err
	}
	if in.Name == "" {
		return nil, invalid("The server makes up no name.")
	}
	if s.findApp(in.Name) != nil {
		return nil, invalid("Name " + in.Name + " is already taken")
	}
	app := s.newApp(in.Name, false)
	c.status = http.StatusCreated
	return app.answer(), nil
}

// deleteApp removes an app with all that it has. Events still queued are lost.
func (s *Server) deleteApp(c *call) (any, error) {
	answer := c.app.answer()
	for _, w := range c.app.webhooks {
		w.cancel()
		w.queue = nil
	}
	s.apps = slices.DeleteFunc(s.apps, func(other *App) bool { return other == c.app })
	return answer, nil
}

// A collaborator is a user who may see an app, in the form of the schema.
type collaborator struct {
	App         identity   `json:"app"`
	CreatedAt   time.Time  `json:"created_at"`
	ID          string     `json:"id"`
	Permissions []struct{} `json:"permissions"`
	Role        *string    `json:"role"`
	UpdatedAt   time.Time  `json:"updated_at"`
	User        member     `json:"user"`
}

type member struct {
	account
	Federated bool `json:"federated"`
}

// addCollaborator answers as Heroku does. The server has one account, so the user can do
// nothing here.
func (s *Server) addCollaborator(c *call) (any, error) {
	var in struct{ User string }
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, err
	}
	now := seconds(time.Now())
	c.status = http.StatusCreated
	return collaborator{App: identity{c.app.ID, c.app.Name}, CreatedAt: now, ID: newID(), Permissions: []struct{}{}, UpdatedAt: now, User: member{account: account{newID(), in.User}}}, nil
}

// SellDatabases makes the API provision an add-on of heroku-postgresql, with the database
// that newDatabase returns. Without it the call is answered 422.
func (s *Server) SellDatabases(newDatabase func() (Database, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newDatabase = newDatabase
}

// An addOnAnswer is an add-on in the form of the schema.
type addOnAnswer struct {
	Actions       []struct{} `json:"actions"`
	Service       identity   `json:"addon_service"`
	BillingEntity billing    `json:"billing_entity"`
	App           identity   `json:"app"`
	BilledPrice   *struct{}  `json:"billed_price"`
	ConfigVars    []string   `json:"config_vars"`
	CreatedAt     time.Time  `json:"created_at"`
	ID            string     `json:"id"`
	Name          string     `json:"name"`
	Plan          identity   `json:"plan"`
	ProviderID    string     `json:"provider_id"`
	State         string     `json:"state"`
	UpdatedAt     time.Time  `json:"updated_at"`
	WebURL        *string    `json:"web_url"`
}

type billing struct {
	identity
	Type string `json:"type"`
}

// addAddOn provisions a database at once, where Heroku takes minutes.
func (s *Server) addAddOn(c *call) (any, error) {
	var in struct{ Plan string }
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, err
	}
	service, _, _ := strings.Cut(in.Plan, ":")
	if service != "heroku-postgresql" || s.newDatabase == nil {
		return nil, invalid("Couldn't find either the add-on service or the add-on plan of \"" + in.Plan + "\".")
	}
	database, err := s.newDatabase()
	if err != nil {
		return nil, err
	}
	o := s.provision(c.app, database)
	now := seconds(time.Now())
	app := identity{c.app.ID, c.app.Name}
	c.status = http.StatusCreated
	return addOnAnswer{
		Actions: []struct{}{}, Service: identity{newID(), service}, BillingEntity: billing{app, "app"}, App: app, ConfigVars: []string{o.alias + "_URL"},
		CreatedAt: now, ID: o.ID, Name: o.Name, Plan: identity{newID(), in.Plan}, ProviderID: newID(), State: "provisioned", UpdatedAt: now,
	}, nil
}

// AddOn returns the add-on with a name, or nil.
func (s *Server) AddOn(name string) *AddOn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, app := range s.apps {
		for _, attached := range app.attachments {
			if attached.Name == name {
				return attached.AddOn
			}
		}
	}
	return nil
}

package herokutest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// An App is one Heroku app with its config vars, releases and webhooks.
type App struct {
	ID, Name string

	server      *Server
	created     time.Time
	slug        *slug // nil until the first deploy
	config      map[string]*string
	releases    []*release // release n is at n-1
	attachments []*attachment
	webhooks    []*webhook
	deliveries  []*delivery
}

// An account is a person or an add-on's service account, as it stands in
// answers and events.
type account struct {
	ID    string `json:"id"`
	Email string `json:"email"`
}

// An identity is how Heroku refers to a thing within another.
type identity struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

var (
	stack    = identity{ID: newID(), Name: "heroku-24"}
	region   = identity{ID: newID(), Name: "us"}
	appNames = regexp.MustCompile(`^[a-z][a-z0-9-]{1,28}[a-z0-9]$`)
)

// CreateApp makes an app with no config vars and one release. It panics if the
// name is taken or is not one that Heroku allows (3 to 30 lower-case letters,
// digits and dashes), as both are mistakes in a test.
func (s *Server) CreateApp(name string) *App {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !appNames.MatchString(name) || s.findApp(name) != nil {
		panic(fmt.Sprintf("herokutest: no app can be called %q", name))
	}
	app := &App{ID: newID(), Name: name, server: s, created: time.Now(), config: map[string]*string{}}
	s.apps = append(s.apps, app)
	app.release("Initial release", s.user)
	return app
}

// findApp finds an app by its name or id.
func (s *Server) findApp(id string) *App {
	for _, app := range s.apps {
		if app.ID == id || app.Name == id {
			return app
		}
	}
	return nil
}

func (a *App) identity() identity { return identity{a.ID, a.Name} }

// Set sets a config var, as a user does; that makes a release. Unlike a user it
// may also set one that belongs to an add-on.
func (a *App) Set(name, value string) { a.change(map[string]*string{name: &value}, nil) }

// SetNull makes a config var null, which the schema allows.
func (a *App) SetNull(name string) { a.change(map[string]*string{name: nil}, nil) }

// Unset removes a config var.
func (a *App) Unset(name string) { a.change(nil, []string{name}) }

func (a *App) change(set map[string]*string, remove []string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.changeLocked(set, remove)
}

func (a *App) changeLocked(set map[string]*string, remove []string) {
	var done []string
	if len(set) > 0 {
		done = append(done, "Set "+strings.Join(slices.Sorted(maps.Keys(set)), ", "))
	}
	if len(remove) > 0 {
		done = append(done, "Remove "+strings.Join(slices.Sorted(slices.Values(remove)), ", "))
	}
	for name, value := range set {
		a.put(name, value)
	}
	for _, name := range remove {
		delete(a.config, name)
	}
	a.release(strings.Join(done, "; ")+" config vars", a.server.user)
}

// put writes a config var and remembers the password in it.
func (a *App) put(name string, value *string) {
	a.config[name] = value
	if value == nil {
		return
	}
	u, err := url.Parse(*value)
	if err != nil || u.User == nil {
		return
	}
	if password, ok := u.User.Password(); ok {
		a.server.remember(*value, password)
	}
}

// A configHold is a time in which readers of config vars see old values.
type configHold struct {
	holders int
	shown   map[*App]heldConfig
}

type heldConfig struct {
	config  map[string]*string
	version int // of the release that was current
}

// HoldConfigVars freezes what the API shows as config vars of the apps that
// there are: changes, releases and events go on, but readers see the values of
// now until release is called. So it is at a Heroku that announces a value
// earlier than it shows it.
func (s *Server) HoldConfigVars() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.config.holders++; s.config.holders == 1 {
		s.config.shown = map[*App]heldConfig{}
		for _, app := range s.apps {
			s.config.shown[app] = heldConfig{maps.Clone(app.config), len(app.releases)}
		}
	}
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.config.holders--; s.config.holders == 0 {
			s.config.shown = nil
		}
	})
}

// visible is the config that readers see in place of the given one, which came
// with that release.
func (a *App) visible(config map[string]*string, version int) map[string]*string {
	if held, ok := a.server.config.shown[a]; ok && version >= held.version {
		return held.config
	}
	return config
}

func (s *Server) getConfigVars(c *call) (any, error) {
	return c.app.visible(c.app.config, len(c.app.releases)), nil
}

// patchConfigVars sets values and removes those that are null. What belongs to
// an attachment is not the user's to change.
func (s *Server) patchConfigVars(c *call) (any, error) {
	var patch map[string]*string
	if err := json.Unmarshal(c.body, &patch); err != nil {
		return nil, err
	}
	var remove []string
	for name, value := range patch {
		if c.app.attachmentFor(name) != nil {
			return nil, &apiError{ID: "invalid_params", Message: "Cannot overwrite attachment values " + name + "."}
		}
		if value == nil {
			remove = append(remove, name)
			delete(patch, name)
		}
	}
	if len(patch)+len(remove) > 0 {
		c.app.changeLocked(patch, remove)
	}
	return s.getConfigVars(c)
}

// An appAnswer is an app in the form of the schema. Pointers are what is null
// for an app outside of a team and a space.
type appAnswer struct {
	ACM                          bool       `json:"acm"`
	ArchivedAt                   *time.Time `json:"archived_at"`
	BuildpackProvidedDescription *string    `json:"buildpack_provided_description"`
	BuildStack                   identity   `json:"build_stack"`
	CreatedAt                    time.Time  `json:"created_at"`
	GitURL                       string     `json:"git_url"`
	ID                           string     `json:"id"`
	InternalRouting              *bool      `json:"internal_routing"`
	Maintenance                  bool       `json:"maintenance"`
	Name                         string     `json:"name"`
	Organization                 *identity  `json:"organization"`
	Owner                        account    `json:"owner"`
	Region                       identity   `json:"region"`
	ReleasedAt                   time.Time  `json:"released_at"`
	RepoSize                     *int       `json:"repo_size"`
	SlugSize                     *int       `json:"slug_size"`
	Space                        *identity  `json:"space"`
	Stack                        identity   `json:"stack"`
	Team                         *identity  `json:"team"`
	UpdatedAt                    time.Time  `json:"updated_at"`
	WebURL                       string     `json:"web_url"`
}

func (a *App) answer() appAnswer {
	released := seconds(a.releases[len(a.releases)-1].created)
	return appAnswer{
		BuildStack: stack,
		CreatedAt:  seconds(a.created),
		GitURL:     "https://git.heroku.com/" + a.Name + ".git",
		ID:         a.ID,
		Name:       a.Name,
		Owner:      a.server.user,
		Region:     region,
		ReleasedAt: released,
		Stack:      stack,
		UpdatedAt:  released,
		WebURL:     "https://" + a.host() + ".herokuapp.com/",
	}
}

// host is the app's name with something random after it, as Heroku has it since
// 2023, within the 31 characters of the schema.
func (a *App) host() string {
	return a.Name[:min(len(a.Name), 18)] + "-" + a.ID[len(a.ID)-12:]
}

// seconds is a time in the precision of the API's answers.
func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func (s *Server) getApp(c *call) (any, error) { return c.app.answer(), nil }

func (s *Server) listApps(c *call) (any, error) {
	all := []appAnswer{}
	for _, app := range s.apps {
		all = append(all, app.answer())
	}
	return page(c, all, map[string]func(appAnswer) string{
		"id":   func(a appAnswer) string { return a.ID },
		"name": func(a appAnswer) string { return a.Name },
	})
}

package herokutest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// An App is one Heroku app with its config vars, releases and webhooks.
type App struct {
	ID, Name string

	server      *Server
	foreign     bool // not the account's
	config      map[string]*string
	releases    []release              // version n is at n-1
	addons      int                    // ever made: the next one's colour
	attachments map[string]*attachment // by the name that makes the config var NAME_URL
	webhooks    []*webhook
	deliveries  []*delivery
}

// An account is a person or an add-on's service account, in the form that answers and
// events have.
type account struct {
	ID    string `json:"id"`
	Email string `json:"email"`
}

var (
	user     = account{ID: newID(), Email: "user@example.com"}
	postgres = account{ID: newID(), Email: "heroku-postgresql@addons.heroku.com"}
)

// An identity is how Heroku refers to a thing within another.
type identity struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

var appNames = regexp.MustCompile(`^[a-z][a-z0-9-]{1,28}[a-z0-9]$`)

// CreateApp makes an app with no config vars and one release. It panics if the
// name is taken or is not one that Heroku allows (3 to 30 lower-case letters,
// digits and dashes), as both are mistakes in a test.
func (s *Server) CreateApp(name string) *App { return s.createApp(name, false) }

// CreateForeignApp makes an app of another account, as CreateApp does. Names are global
// at Heroku: a call that names another account's app is answered 403, and a call that
// names no app 404.
func (s *Server) CreateForeignApp(name string) *App { return s.createApp(name, true) }

func (s *Server) createApp(name string, foreign bool) *App {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !appNames.MatchString(name) || s.findApp(name) != nil {
		panic(fmt.Sprintf("herokutest: no app can be called %q", name))
	}
	return s.newApp(name, foreign)
}

// newApp makes an app. The caller holds the server's lock.
func (s *Server) newApp(name string, foreign bool) *App {
	app := &App{ID: newID(), Name: name, server: s, foreign: foreign, config: map[string]*string{}, attachments: map[string]*attachment{}}
	s.apps = append(s.apps, app)
	app.release("Initial release", user)
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

// Set sets a config var, as a user does; that makes a release. Unlike a user it
// may also set one that belongs to an add-on.
func (a *App) Set(name, value string) { a.set(name, &value) }

// SetNull makes a config var null, which the schema allows.
func (a *App) SetNull(name string) { a.set(name, nil) }

func (a *App) set(name string, value *string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.put(name, value)
	a.release("Set "+name+" config vars", user)
}

// Unset removes a config var, as a user does; that makes a release.
func (a *App) Unset(name string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	delete(a.config, name)
	a.release("Remove "+name+" config vars", user)
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

// HoldConfigVars freezes the config vars that the API shows for the existing apps.
// Changes, releases and events go on, but readers see the present values until release
// is called. It simulates a Heroku that announces a value before it shows it.
func (s *Server) HoldConfigVars() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = map[*App]map[string]*string{}
	for _, app := range s.apps {
		s.shown[app] = maps.Clone(app.config)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.shown = nil
	}
}

func (s *Server) getConfigVars(c *call) (any, error) {
	if held, ok := s.shown[c.app]; ok {
		return held, nil
	}
	return c.app.config, nil
}

// owned returns the names in a patch that belong to an attachment, in order: a user may
// neither set nor remove them. The text of the refusal is Heroku's, as quoted in
// https://github.com/xavdid/heroku-config/issues/32.
func (a *App) owned(patch map[string]*string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(patch)), func(name string) bool {
		attachment, isURL := strings.CutSuffix(name, "_URL")
		return !isURL || a.attachments[attachment] == nil
	})
}

// patchConfigVars sets values, and removes those that are null, with one release. It
// does neither if one of them belongs to an attachment.
func (s *Server) patchConfigVars(c *call) (any, error) {
	var patch map[string]*string
	if err := json.Unmarshal(c.body, &patch); err != nil {
		return nil, err
	}
	if owned := c.app.owned(patch); len(owned) > 0 {
		return nil, invalid("Cannot overwrite attachment values " + strings.Join(owned, ", ") + ".")
	}
	for name, value := range patch {
		if value == nil {
			delete(c.app.config, name)
		} else {
			c.app.put(name, value)
		}
	}
	c.app.release("Set "+strings.Join(slices.Sorted(maps.Keys(patch)), ", ")+" config vars", user)
	return s.getConfigVars(c)
}

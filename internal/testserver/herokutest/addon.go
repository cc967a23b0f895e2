package herokutest

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
)

// A Database is the Postgres behind an add-on. The server calls it, and then puts the
// new URL into the app's config vars.
type Database interface {
	// URL is postgres://USER:PASSWORD@HOST:PORT/DBNAME, as Heroku writes it.
	URL() string
	// Rotate gives the same role a new password. Its sessions end at once, and
	// the old password is dead when Rotate returns.
	Rotate(ctx context.Context) error
	// RotateUser moves to a new role. The old one works until end is called.
	RotateUser(ctx context.Context) (end func(context.Context) error, err error)
	// FailOver moves the server to another address. The old one refuses
	// connections when FailOver returns.
	FailOver(ctx context.Context) error
}

// An AddOn is a heroku-postgresql add-on of one app, with one of its credentials.
type AddOn struct {
	identity
	app       *App
	database  Database
	alias     string  // the attachment that it always has, HEROKU_POSTGRESQL_COLOR
	namespace *string // credential:NAME, nil for the default credential
}

// An attachment is one name of an add-on.
type attachment struct {
	*AddOn
	id      string
	created time.Time
}

// attach gives the add-on a name.
func (o *AddOn) attach(name string) {
	o.app.attachments[name] = &attachment{AddOn: o, id: newID(), created: seconds(time.Now())}
}

// has reports whether a name is the add-on's.
func (o *AddOn) has(name string) bool {
	attached := o.app.attachments[name]
	return attached != nil && attached.AddOn == o
}

// primary is the attachment of the database that the app uses.
const primary = "DATABASE"

// colors are enough for the databases of one app here.
var colors = []string{"AMBER", "BLUE", "CYAN", "GOLD", "IVORY", "JADE", "MAROON", "NAVY", "OLIVE", "PINK", "ROSE", "TEAL", "VIOLET", "WHITE"}

// Provision adds a database to an app: as DATABASE if it is the first, and under
// its colour. It makes two releases: the user's attachment, and then the
// add-on's, which is the first to have the config vars.
func (s *Server) Provision(app *App, db Database) *AddOn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.provision(app, db)
}

// provision is Provision for a caller that holds the server's lock.
func (s *Server) provision(app *App, db Database) *AddOn {
	color := colors[app.addons]
	app.addons++
	o := &AddOn{
		identity: identity{ID: newID(), Name: "postgresql-" + strings.ToLower(color) + "-12345"},
		app:      app,
		database: db,
		alias:    "HEROKU_POSTGRESQL_" + color,
	}
	o.attach(o.alias)
	if app.attachments[primary] == nil {
		o.attach(primary)
	}
	app.release(fmt.Sprintf("Attach %s (@ref:%s)", o.attachment(), o.Name), user)
	o.show()
	app.release(fmt.Sprintf("@ref:%s completed provisioning, setting %s_URL.", o.Name, o.attachment()), postgres)
	return o
}

// AttachCredential attaches the add-on to its app under another name, with a credential
// that is not the default one, as `heroku addons:attach --credential --as` does. The
// database has the same server and another role. A rotation of what it returns is one of
// that credential: [AddOn.RotateWithGrace].
func (o *AddOn) AttachCredential(name, credential string, db Database) *AddOn {
	o.app.server.mu.Lock()
	defer o.app.server.mu.Unlock()
	namespace := "credential:" + credential
	c := &AddOn{identity: o.identity, app: o.app, database: db, alias: name, namespace: &namespace}
	c.attach(name)
	c.show()
	o.app.release(fmt.Sprintf("Attach %s (@ref:%s)", name, o.Name), user)
	return c
}

// attachment returns the name of the add-on in the descriptions of releases.
func (o *AddOn) attachment() string {
	if o.has(primary) {
		return primary
	}
	return o.alias
}

// show puts the database's URL into the config vars of all its attachments. It
// makes no release.
func (o *AddOn) show() {
	url := o.database.URL()
	for name := range o.app.attachments {
		if o.has(name) {
			o.app.put(name+"_URL", &url)
		}
	}
}

// Promote makes the add-on the app's DATABASE, as pg:promote does: the former one is
// detached but keeps its colour, and then this one is attached. Between the two releases
// the app has no DATABASE_URL.
func (o *AddOn) Promote() {
	o.app.detachPrimary()
	o.attachPrimary()
}

func (a *App) detachPrimary() {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	before := a.attachments[primary]
	delete(a.attachments, primary)
	delete(a.config, primary+"_URL")
	a.release(fmt.Sprintf("Detach %s (@ref:%s)", primary, before.Name), user)
}

func (o *AddOn) attachPrimary() {
	o.app.server.mu.Lock()
	defer o.app.server.mu.Unlock()
	o.attach(primary)
	o.show()
	o.app.release(fmt.Sprintf("Attach %s (@ref:%s)", primary, o.Name), user)
}

// An attachmentAnswer is an attachment in the form of the schema.
type attachmentAnswer struct {
	AddOn struct {
		identity
		App identity `json:"app"`
	} `json:"addon"`
	App         identity  `json:"app"`
	CreatedAt   time.Time `json:"created_at"`
	ID          string    `json:"id"`
	LogInputURL *string   `json:"log_input_url"`
	Name        string    `json:"name"`
	Namespace   *string   `json:"namespace"`
	UpdatedAt   time.Time `json:"updated_at"`
	WebURL      *string   `json:"web_url"`
}

func (s *Server) listAttachments(c *call) (any, error) {
	app := identity{ID: c.app.ID, Name: c.app.Name}
	var all []attachmentAnswer
	for name, a := range c.app.attachments {
		answer := attachmentAnswer{App: app, CreatedAt: a.created, ID: a.id, Name: name, Namespace: a.namespace, UpdatedAt: a.created}
		answer.AddOn.identity, answer.AddOn.App = a.identity, app
		all = append(all, answer)
	}
	return page(c, all, "id", map[string]func(a, b attachmentAnswer) int{
		"id": func(a, b attachmentAnswer) int { return cmp.Compare(a.ID, b.ID) },
	})
}

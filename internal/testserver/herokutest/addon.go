package herokutest

import (
	"context"
	"fmt"
	"strings"
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

// An AddOn is a heroku-postgresql add-on of one app.
type AddOn struct {
	name     string
	app      *App
	database Database
	alias    string // the attachment that it always has, HEROKU_POSTGRESQL_COLOR
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
	color := colors[app.addons]
	app.addons++
	o := &AddOn{
		name:     "postgresql-" + strings.ToLower(color) + "-12345",
		app:      app,
		database: db,
		alias:    "HEROKU_POSTGRESQL_" + color,
	}
	app.attachments[o.alias] = o
	if app.attachments[primary] == nil {
		app.attachments[primary] = o
	}
	app.release(fmt.Sprintf("Attach %s (@ref:%s)", o.attachment(), o.name), user)
	o.show()
	app.release(fmt.Sprintf("@ref:%s completed provisioning, setting %s_URL.", o.name, o.attachment()), postgres)
	return o
}

// attachment returns the name of the add-on in the descriptions of releases.
func (o *AddOn) attachment() string {
	if o.app.attachments[primary] == o {
		return primary
	}
	return o.alias
}

// show puts the database's URL into the config vars of all its attachments. It
// makes no release.
func (o *AddOn) show() {
	url := o.database.URL()
	for name, other := range o.app.attachments {
		if other == o {
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
	a.release(fmt.Sprintf("Detach %s (@ref:%s)", primary, before.name), user)
}

func (o *AddOn) attachPrimary() {
	o.app.server.mu.Lock()
	defer o.app.server.mu.Unlock()
	o.app.attachments[primary] = o
	o.show()
	o.app.release(fmt.Sprintf("Attach %s (@ref:%s)", primary, o.name), user)
}

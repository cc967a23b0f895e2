package herokutest

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A Database is the Postgres behind an add-on. The house calls it and then
// tells the apps what its URL has become.
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

// An AddOn is a heroku-postgresql add-on. The app that it was provisioned for
// owns it; others may be attached.
type AddOn struct {
	ID, Name string
	// Color is the end of the name that it is always attached by:
	// HEROKU_POSTGRESQL_COLOR.
	Color string

	server      *Server
	owner       *App
	database    Database
	attachments []*attachment
}

// An attachment lets an app use an add-on under a name. It makes the config var
// NAME_URL.
type attachment struct {
	id, name string
	app      *App
	addon    *AddOn
	created  time.Time
}

func (t *attachment) variable() string { return t.name + "_URL" }

const plan = "heroku-postgresql:standard-0"

var (
	colors   = []string{"AMBER", "BLUE", "CYAN", "GOLD", "IVORY", "JADE", "MAROON", "NAVY", "OLIVE", "PINK", "ROSE", "TEAL", "VIOLET", "WHITE"}
	postgres = account{ID: newID(), Email: "heroku-postgresql@addons.heroku.com"}
)

// color is the name of the nth add-on's colour. Heroku has no limit on them, so
// there is a second round of numbered ones.
func color(n int) string {
	name := colors[n%len(colors)]
	if round := n / len(colors); round > 0 {
		return fmt.Sprintf("%s_%d", name, round)
	}
	return name
}

// Provision adds a database to an app: as DATABASE if that name is free, and
// under its colour. It makes two releases: the user's attachment, and then the
// add-on's, which is the first to have the config vars.
func (s *Server) Provision(app *App, db Database) *AddOn {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &AddOn{
		ID:       newID(),
		Name:     fmt.Sprintf("postgresql-example-%d", 10000+s.addons),
		Color:    color(s.addons),
		server:   s,
		owner:    app,
		database: db,
	}
	s.addons++
	names := []string{"DATABASE", o.alias()}
	if app.attachment("DATABASE") != nil {
		names = names[1:]
	}
	for _, name := range names {
		o.attach(app, name)
	}
	app.release(fmt.Sprintf("Attach %s (@ref:%s)", names[0], o.Name), s.user)
	o.show()
	app.release(fmt.Sprintf("@ref:%s completed provisioning, setting %s_URL.", o.Name, names[0]), postgres)
	return o
}

func (o *AddOn) alias() string { return "HEROKU_POSTGRESQL_" + o.Color }

// attach makes an attachment and its event, but no release and no config var.
func (o *AddOn) attach(app *App, name string) {
	t := &attachment{id: newID(), name: name, app: app, addon: o, created: time.Now()}
	o.attachments = append(o.attachments, t)
	app.attachments = append(app.attachments, t)
	app.publish(newEvent("create", "addon-attachment", o.server.user, t.data()))
}

// show puts the database's URL into the config vars of all attachments. It
// makes no release.
func (o *AddOn) show() {
	url := o.database.URL()
	for _, t := range o.attachments {
		t.app.put(t.variable(), &url)
	}
}

// Attach lets an app use the add-on under another name, with one release. It
// fails if the app has an attachment of that name.
func (s *Server) Attach(addon *AddOn, app *App, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attach(addon, app, name)
}

func (s *Server) attach(addon *AddOn, app *App, name string) error {
	if app.attachment(name) != nil {
		return fmt.Errorf("attach %s to %s: the name is taken", name, app.Name)
	}
	addon.attach(app, name)
	url := addon.database.URL()
	app.put(name+"_URL", &url)
	app.release(fmt.Sprintf("Attach %s (@ref:%s)", name, addon.Name), s.user)
	return nil
}

// Detach takes an attachment and its config var from an app, with one release.
// It fails if there is no attachment of that name.
func (s *Server) Detach(app *App, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := app.attachment(name)
	if t == nil {
		return fmt.Errorf("detach %s from %s: there is no such attachment", name, app.Name)
	}
	other := func(u *attachment) bool { return u == t }
	app.attachments = slices.DeleteFunc(app.attachments, other)
	t.addon.attachments = slices.DeleteFunc(t.addon.attachments, other)
	delete(app.config, t.variable())
	app.publish(newEvent("destroy", "addon-attachment", s.user, t.data()))
	app.release(fmt.Sprintf("Detach %s (@ref:%s)", name, t.addon.Name), s.user)
	return nil
}

// Promote makes the add-on the app's DATABASE, as pg:promote does: the one
// before is given its colour if it has no other name, then it is detached, then
// the add-on is attached. Between the last two, the app has no DATABASE_URL. A
// test that wants to stop there calls [Server.Detach] and [Server.Attach]
// itself.
func (s *Server) Promote(app *App, addon *AddOn) error {
	if before := s.lastAttachment(app, "DATABASE"); before != nil {
		if err := s.Attach(before, app, before.alias()); err != nil {
			return err
		}
	}
	if err := s.Detach(app, "DATABASE"); err != nil {
		return err
	}
	return s.Attach(addon, app, "DATABASE")
}

// lastAttachment is the add-on that the app would lose with the attachment of
// that name, or nil.
func (s *Server) lastAttachment(app *App, name string) *AddOn {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := app.attachment(name)
	if t == nil || slices.ContainsFunc(app.attachments, func(u *attachment) bool { return u != t && u.addon == t.addon }) {
		return nil
	}
	return t.addon
}

// attachment is the app's attachment of that name, or nil.
func (a *App) attachment(name string) *attachment { return a.attachmentFor(name + "_URL") }

// attachmentFor is the attachment that makes that config var, or nil.
func (a *App) attachmentFor(variable string) *attachment {
	for _, t := range a.attachments {
		if t.variable() == variable {
			return t
		}
	}
	return nil
}

// plans lists the plans of the add-ons that the app owns, one each.
func (a *App) plans() []string {
	owned := map[*AddOn]bool{}
	all := []string{}
	for _, t := range a.attachments {
		if t.addon.owner == a && !owned[t.addon] {
			owned[t.addon] = true
			all = append(all, plan)
		}
	}
	return all
}

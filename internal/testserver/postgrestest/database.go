package postgrestest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Database is one database and the role that owns it. Its methods may be called
// concurrently.
type Database struct {
	cluster   *Cluster
	forwarder *forwarder
	name      string
	owner     string // the first role; later ones are members of it

	change sync.Mutex // held while roles change, so that one change follows another

	mu        sync.Mutex // guards what follows
	user      string
	password  string
	roles     []string
	passwords []string
}

// NewDatabase makes an empty database, which its role owns, at an address of
// its own.
func (c *Cluster) NewDatabase(ctx context.Context) (*Database, error) {
	d := &Database{cluster: c, name: random("d", 13), owner: random("u", 13)}
	d.setCredential(d.owner, d.newPassword())
	_, err := c.server.run(ctx,
		fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD '%s'`, d.user, d.password),
		fmt.Sprintf(`CREATE DATABASE %s OWNER %s TEMPLATE template0`, d.name, d.user))
	if err == nil {
		d.forwarder, err = newForwarder(c.server.address(), c.tls)
	}
	if err != nil {
		return nil, fmt.Errorf("postgrestest: make a database: %w", errors.Join(err, d.drop()))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.databases[d] = true
	return d, nil
}

// Close drops the database and its roles and frees its addresses. Sessions
// that are still open end.
func (d *Database) Close() error {
	d.change.Lock()
	defer d.change.Unlock()
	d.cluster.mu.Lock()
	open := d.cluster.databases[d]
	delete(d.cluster.databases, d)
	d.cluster.mu.Unlock()
	if !open {
		return nil
	}
	d.forwarder.close()
	if err := d.drop(); err != nil {
		return fmt.Errorf("postgrestest: drop a database: %w", err)
	}
	return nil
}

func (d *Database) drop() error {
	statements := []string{fmt.Sprintf(`DROP DATABASE IF EXISTS %s WITH (FORCE)`, d.name)}
	for _, role := range d.allRoles() {
		statements = append(statements, `DROP ROLE IF EXISTS `+role)
	}
	_, err := d.cluster.server.run(context.Background(), statements...)
	return err
}

// URL returns the present address and credential as Heroku writes them:
// postgres://USER:PASSWORD@HOST:PORT/DBNAME.
func (d *Database) URL() string {
	host := d.forwarder.host() // before d.mu, which a fault may want while an address moves
	d.mu.Lock()
	defer d.mu.Unlock()
	u := url.URL{Scheme: "postgres", User: url.UserPassword(d.user, d.password), Host: host, Path: "/" + d.name}
	return u.String()
}

// Passwords returns all passwords that the database ever had, the newest last, so that a
// test can search for them where they must not be.
func (d *Database) Passwords() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.passwords)
}

// Rotate gives the present role another password. When it returns the old one
// is dead and the sessions of the role have ended.
func (d *Database) Rotate(ctx context.Context) error {
	d.change.Lock()
	defer d.change.Unlock()
	password := d.newPassword()
	_, err := d.cluster.server.run(ctx,
		append([]string{fmt.Sprintf(`ALTER ROLE %s PASSWORD '%s'`, d.user, password)}, terminate(d.user)...)...)
	if err != nil {
		return fmt.Errorf("postgrestest: rotate a password: %w", err)
	}
	d.setCredential(d.user, password)
	return nil
}

// RotateUser replaces the present role by a new one with another password and the same
// rights. The old role works until end is called. When end returns, the old role cannot
// log in and its sessions have ended.
func (d *Database) RotateUser(ctx context.Context) (end func(context.Context) error, err error) {
	d.change.Lock()
	defer d.change.Unlock()
	old, user, password := d.user, random("u", 13), d.newPassword()
	_, err = d.cluster.server.run(ctx,
		fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD '%s' IN ROLE %s`, user, password, d.owner))
	if err != nil {
		return nil, fmt.Errorf("postgrestest: rotate a user: %w", err)
	}
	d.setCredential(user, password)
	return func(ctx context.Context) error { return d.shutOut(ctx, old) }, nil
}

// shutOut ends the sessions of a role that can no longer log in.
func (d *Database) shutOut(ctx context.Context, role string) error {
	_, err := d.cluster.server.run(ctx, append([]string{`ALTER ROLE ` + role + ` NOLOGIN`}, terminate(role)...)...)
	if err != nil {
		return fmt.Errorf("postgrestest: end an old user: %w", err)
	}
	return nil
}

// FailOver moves the database to another host and port. The old address refuses
// connections afterwards, and sessions through it are cut. The credential stays.
func (d *Database) FailOver(context.Context) error {
	if err := d.forwarder.move(); err != nil {
		return fmt.Errorf("postgrestest: fail over: %w", err)
	}
	return nil
}

// Refuse begins an outage: the address refuses connections, sessions through
// it are cut. Its end is [Database.Accept], or [Database.FailOver].
func (d *Database) Refuse() error {
	if err := d.forwarder.refuse(); err != nil {
		return fmt.Errorf("postgrestest: refuse connections: %w", err)
	}
	return nil
}

// Accept ends an outage, at the same address.
func (d *Database) Accept() error {
	if err := d.forwarder.accept(); err != nil {
		return fmt.Errorf("postgrestest: accept connections: %w", err)
	}
	return nil
}

// sessions counts the sessions that all roles of the database have open at the
// server. One that its client has just closed may still be counted, because the
// server takes a moment to notice: [Database.Idle] waits for that.
func (d *Database) sessions(ctx context.Context) (int, error) {
	column, err := d.cluster.server.run(ctx, `SELECT count(*) FROM pg_stat_activity WHERE usename IN ('`+
		strings.Join(d.allRoles(), `', '`)+`')`)
	if err != nil {
		return 0, fmt.Errorf("postgrestest: count sessions: %w", err)
	}
	return strconv.Atoi(column[0])
}

// Idle waits until the server counts no session of the database's roles.
func (d *Database) Idle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	open := 0
	for {
		n, err := d.sessions(ctx)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("postgrestest: waiting for the end of all sessions, %d at last: %w", open, ctx.Err())
		case err != nil || n == 0:
			return err
		}
		open = n
	}
}

// newPassword makes a password that Passwords knows before any server hears of it.
func (d *Database) newPassword() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	password := random("p", 64)
	d.passwords = append(d.passwords, password)
	return password
}

// setCredential makes a credential the present one.
func (d *Database) setCredential(user, password string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.user, d.password = user, password
	if !slices.Contains(d.roles, user) {
		d.roles = append(d.roles, user)
	}
}

func (d *Database) allRoles() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.roles)
}

// terminate returns the statement that ends all sessions of a role and waits until none is
// left, those included that were logging in. pg_terminate_backend can wait itself, but
// checks only every 100 ms.
func terminate(role string) []string {
	return []string{`DO $$ BEGIN FOR i IN 1..10000 LOOP
		PERFORM pg_stat_clear_snapshot();
		EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = '` + role + `');
		PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '` + role + `';
		PERFORM pg_sleep(0.001);
	END LOOP; END $$`}
}

// random is a prefix and n random lower-case letters and digits. It needs no
// quoting in SQL nor in a URL.
func random(prefix string, n int) string {
	var text strings.Builder
	for text.Len() < n {
		text.WriteString(strings.ToLower(rand.Text()))
	}
	return prefix + text.String()[:n]
}

package consumer

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// placeholder is replaced by what the secret holds.
const placeholder = "postgres://secret@keepcurrent.invalid/secret?sslmode=require"

// unsuited returns why pgx cannot make a config of any URL, or nil if it can: a variable of the
// environment is wrong, or names a file that is. Nothing of a secret is in the text.
func unsuited() error {
	_, err := pgx.ParseConfig(placeholder)
	if err == nil {
		return nil
	}
	text := err.Error()
	if _, cause, cut := strings.Cut(text, "`: "); cut {
		text = cause
	}
	if names := variables(); names != "" {
		text = "check what this process has in " + names + ": " + text
	}
	return errors.New(text)
}

// variables names what the environment says about Postgres, "" if that is nothing.
func variables() string {
	var names []string
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "PG") && value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// machineParameters are those that depend on the machine: they make pgx read files, or can
// contradict the environment.
var machineParameters = []string{"sslrootcert", "sslcert", "sslkey", "service", "servicefile", "min_protocol_version", "max_protocol_version"}

// unfitting returns why pgx takes a URL only without the parameters that depend on the
// machine, or nil if these are not the reason.
func unfitting(u *url.URL, err error) error {
	var names []string
	query := u.Query()
	for _, name := range machineParameters {
		if query.Has(name) {
			names = append(names, name)
			query.Del(name)
		}
	}
	without := *u
	without.RawQuery = query.Encode()
	if _, err := pgx.ParseConfig(without.String()); err != nil || names == nil {
		return nil
	}
	text := "check its files"
	if set := variables(); set != "" {
		text += ", and what this process has in " + set
	}
	var file *fs.PathError
	if errors.As(err, &file) && filePath.MatchString(file.Path) {
		text = file.Error()
	}
	return fmt.Errorf("this machine does not go with the URL's %s: %s", strings.Join(names, ", "), text)
}

// demands are parameters by which a login fails at a server that does not meet them, with the
// text that pgx's error then has.
var demands = []struct{ text, server, parameters, variables string }{
	{"server refused TLS connection", "the server has no TLS", "sslmode", "PGSSLMODE"},
	{"x509: ", "the server's certificate could not be verified", "sslmode, sslrootcert", "PGSSLMODE, PGSSLROOTCERT"},
	{"require_auth check failed", "the server asks for another kind of login", "require_auth", "PGREQUIREAUTH"},
	{"channel binding required", "the server's login has no channel binding", "channel_binding", "PGCHANNELBINDING"},
	{"server protocol version too low", "the server's protocol is too old", "min_protocol_version", "PGMINPROTOCOLVERSION"},
	{"ValidateConnect failed", "the server is not of the kind that is wanted", "target_session_attrs", "PGTARGETSESSIONATTRS"},
}

// demanding returns which setting a server does not meet, or nil if that is not why a login
// failed. It quotes nothing: a server can write a part of the error.
func demanding(err error) error {
	text := err.Error()
	for _, d := range demands {
		if strings.Contains(text, d.text) {
			return fmt.Errorf("%s: check %s in the URL, and %s in the environment of this process", d.server, d.parameters, d.variables)
		}
	}
	return nil
}

// filePath is the form of a path in an error. A pasted key or URL does not have it.
var filePath = regexp.MustCompile(`^[A-Za-z0-9_./~-]{1,100}$`)

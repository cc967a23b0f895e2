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
	var names []string
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "PG") {
			names = append(names, name)
		}
	}
	if names == nil {
		return errors.New(text)
	}
	slices.Sort(names)
	return fmt.Errorf("check what this process has in %s: %s", strings.Join(names, ", "), text)
}

// fileParameters make pgx read files.
var fileParameters = []string{"sslrootcert", "sslcert", "sslkey", "service", "servicefile"}

// missingFile returns why pgx takes a URL only without the parameters that name files, or nil
// if these are not the reason.
func missingFile(u *url.URL, err error) error {
	var names []string
	query := u.Query()
	for _, name := range fileParameters {
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
	text := "check that the files are on this machine"
	var file *fs.PathError
	if errors.As(err, &file) && filePath.MatchString(file.Path) {
		text = file.Error()
	}
	return fmt.Errorf("the URL's %s: %s", strings.Join(names, ", "), text)
}

// filePath is the form of a path in an error. A pasted key or URL does not have it.
var filePath = regexp.MustCompile(`^[A-Za-z0-9_./~-]{1,100}$`)

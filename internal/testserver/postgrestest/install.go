package postgrestest

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// ErrNoServer says that no PostgreSQL server is installed where this package
// looks, and how to install one.
var ErrNoServer = errors.New("no PostgreSQL server (initdb, postgres) on PATH or in its usual places; " +
	"install one (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17) or set DATABASE_URL")

// usualPlaces are where Debian and Homebrew put the server's programs, which
// neither of them puts on PATH.
var usualPlaces = []string{
	"/usr/lib/postgresql/*/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/opt/homebrew/opt/postgresql/bin",
	"/usr/local/opt/postgresql/bin",
}

// findPrograms returns the directory with initdb and postgres: the one on PATH, or else
// the newest version in the usual places. It fails with [ErrNoServer] if there is none.
func findPrograms() (string, error) {
	var places []string
	for _, pattern := range usualPlaces {
		found, _ := filepath.Glob(pattern) // fails on a bad pattern only
		places = append(places, found...)
	}
	slices.SortStableFunc(places, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	if initdb, err := exec.LookPath("initdb"); err == nil {
		places = slices.Insert(places, 0, filepath.Dir(initdb))
	}
	for _, dir := range places {
		if hasPrograms(dir) {
			return dir, nil
		}
	}
	return "", ErrNoServer
}

func hasPrograms(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

var digits = regexp.MustCompile(`\d+`)

// version returns the number in the path of an installation, 0 if it has none.
func version(path string) int {
	n, _ := strconv.Atoi(digits.FindString(path))
	return n
}

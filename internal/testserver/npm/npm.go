// Package npm installs the npm packages that tests and the demo need: each lock file once,
// in the user's cache.
package npm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// ErrNotInstalled says that there is no npm.
var ErrNotInstalled = errors.New("npm is not installed")

// Install returns a folder with the packages that the lock file of a folder names, by
// their digests. It runs none of their scripts. finish is called in a fresh folder, which
// is kept only if it succeeds. The name is for people. It fails with [ErrNotInstalled], or
// with what npm says.
func Install(ctx context.Context, name string, source fs.FS, finish func(dir string) error) (dir string, err error) {
	lock, err := fs.ReadFile(source, "package-lock.json")
	if err != nil {
		return "", err
	}
	parent, err := cache()
	if err != nil {
		return "", err
	}
	kept := filepath.Join(parent, fmt.Sprintf("%s-%.6x", name, sha256.Sum256(lock)))
	if isThere(kept) {
		return kept, nil
	}
	unlock, err := alone(kept)
	if err != nil {
		return "", err
	}
	defer unlock()
	if isThere(kept) { // another process has installed it meanwhile
		return kept, nil
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return "", ErrNotInstalled
	}
	fmt.Fprintf(os.Stderr, "npm installs %s into %s, once …\n", name, kept)
	fresh, err := os.MkdirTemp(parent, "installing-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	err = errors.Join(os.Chmod(fresh, 0o755), os.CopyFS(fresh, source))
	if err == nil {
		err = install(ctx, fresh)
	}
	if err == nil {
		err = finish(fresh)
	}
	if err != nil {
		return "", err
	}
	return kept, os.Rename(fresh, kept)
}

// cache returns a folder in the user's cache. Postgres does not run as root, so root's is
// one that others can read.
func cache() (string, error) {
	dir := "/var/cache"
	if os.Geteuid() != 0 || os.Getenv("XDG_CACHE_HOME") != "" {
		var err error
		if dir, err = os.UserCacheDir(); err != nil {
			return "", err
		}
	}
	dir = filepath.Join(dir, "keepcurrent-tests")
	return dir, os.MkdirAll(dir, 0o755)
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// alone waits until no other process installs the same.
func alone(kept string) (unlock func(), err error) {
	file, err := os.OpenFile(kept+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil
}

func install(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--fetch-retries=1")
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w: %s", err, out)
	}
	return nil
}

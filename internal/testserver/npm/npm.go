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

// Install installs the packages that the package-lock.json of source names, unless it has done
// so before, and returns the folder with them. npm compares each with its digest in the lock
// file, and runs none of their scripts. finish completes a fresh folder, which is kept only if
// finish succeeds. name is for people: the folder's name begins with it. The error is
// [ErrNotInstalled], or what npm says.
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
	unlock, err := alone(ctx, kept)
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
	for _, step := range []func() error{
		func() error { return os.CopyFS(fresh, source) },
		func() error { return install(ctx, fresh) },
		func() error { return finish(fresh) },
		func() error { return open(fresh) },
		func() error { return os.RemoveAll(kept) }, // of an older program, or half of it
		func() error { return os.Rename(fresh, kept) },
	} {
		if err := step(); err != nil {
			return "", err
		}
	}
	return kept, nil
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
	return dir, errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755))
}

// isThere reports whether a folder was installed: the last step gives it its name.
func isThere(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "node_modules"))
	return err == nil
}

// alone waits until no other process installs the same.
func alone(ctx context.Context, kept string) (unlock func(), err error) {
	file, err := os.OpenFile(kept+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for said := false; ; said = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(err, file.Close())
		}
		if !said {
			fmt.Fprintf(os.Stderr, "waiting for another process, which installs %s …\n", kept)
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), file.Close())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// open lets other users read the folder, whatever the umask is: Postgres does not run as root.
func open(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm()
		return os.Chmod(path, mode|(mode&0o500)>>3|(mode&0o500)>>6)
	})
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

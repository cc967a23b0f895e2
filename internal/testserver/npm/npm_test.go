package npm_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/fstest"

	"keepcurrent.example/internal/testserver/npm"
	"keepcurrent.example/internal/testserver/tool"
)

// nothing is a lock file without packages, so that npm asks no registry.
var nothing = fstest.MapFS{
	"package.json":      {Data: []byte(`{"name":"nothing","private":true}`)},
	"package-lock.json": {Data: []byte(`{"name":"nothing","lockfileVersion":3,"requires":true,"packages":{"":{"name":"nothing"}}}`)},
}

// The tests share the environment and the umask, so they run one after the other.

func inCacheOf(t *testing.T) {
	t.Helper()
	tool.Path(t, "npm")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
}

func made(dir string) error { return os.MkdirAll(filepath.Join(dir, "node_modules", "x"), 0o755) }

func TestALockFileIsInstalledOnceAndCanBeReadByOthers(t *testing.T) {
	inCacheOf(t)
	defer syscall.Umask(syscall.Umask(0o077))
	calls := 0
	finish := func(dir string) error {
		calls++
		return made(dir)
	}
	dir, err := npm.Install(t.Context(), "nothing", nothing, finish)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "node_modules", "x"), filepath.Join(dir, "package.json")} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o044 != 0o044 || info.IsDir() && info.Mode().Perm()&0o011 != 0o011 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	again, err := npm.Install(t.Context(), "nothing", nothing, finish)
	if err != nil || again != dir || calls != 1 {
		t.Errorf("a second time: %s, %v, installed %d times", again, err, calls)
	}
	if err := os.RemoveAll(filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if _, err := npm.Install(t.Context(), "nothing", nothing, finish); err != nil || calls != 2 {
		t.Errorf("after a part was lost: %v, installed %d times", err, calls)
	}
}

func TestAFailedInstallationIsNotKept(t *testing.T) {
	inCacheOf(t)
	broken := errors.New("EXAMPLE")
	if _, err := npm.Install(t.Context(), "nothing", nothing, func(string) error { return broken }); !errors.Is(err, broken) {
		t.Fatalf("got error %v", err)
	}
	if _, err := npm.Install(t.Context(), "nothing", nothing, made); err != nil {
		t.Errorf("the next try: %v", err)
	}
}

func TestAWaitForAnotherProcessEndsWithTheContext(t *testing.T) {
	inCacheOf(t)
	ctx, cancel := context.WithCancel(t.Context())
	var within error
	_, err := npm.Install(t.Context(), "nothing", nothing, func(dir string) error {
		cancel()
		_, within = npm.Install(ctx, "nothing", nothing, made)
		return made(dir)
	})
	if err != nil || !errors.Is(within, context.Canceled) {
		t.Errorf("got errors %v and, while it was installed, %v", err, within)
	}
}

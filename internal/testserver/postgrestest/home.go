package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// home is the temporary directory of a server, and the user that owns it and runs the
// server: nil is the current user.
type home struct {
	dir   string
	owner *syscall.Credential
}

// newHome makes a home with these files, which only its owner can read.
func newHome(files map[string]string) (home, error) {
	owner, parent := serverOwner()
	dir, err := os.MkdirTemp(parent, "postgrestest-")
	if err != nil {
		return home{}, fmt.Errorf("make a directory for the server: %w", err)
	}
	h := home{dir, owner}
	err = h.give(dir)
	for name, text := range files {
		path := filepath.Join(dir, name)
		err = errors.Join(err, os.WriteFile(path, []byte(text), 0o600), h.give(path))
	}
	if err != nil {
		return home{}, fmt.Errorf("write the server's settings: %w", errors.Join(err, h.remove()))
	}
	return h, nil
}

// serverOwner returns the owner of a home and the folder to make it in. PostgreSQL
// refuses to run as root, and other users may not be able to read root's TMPDIR.
func serverOwner() (owner *syscall.Credential, parent string) {
	if os.Geteuid() != 0 {
		return nil, ""
	}
	if u, err := user.Lookup("postgres"); err == nil {
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if uidErr == nil && gidErr == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, "/tmp"
		}
	}
	return &syscall.Credential{Uid: 65534, Gid: 65534}, "/tmp" // nobody
}

// give hands a file over to the owner.
func (h home) give(path string) error {
	if h.owner == nil {
		return nil
	}
	return os.Chown(path, int(h.owner.Uid), int(h.owner.Gid))
}

func (h home) remove() error { return os.RemoveAll(h.dir) }

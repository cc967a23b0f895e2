package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// guard is the script of the guardian: a shell between this process and the
// server. Its standard input is a pipe that only this process holds, so it
// reads the end of the file when this process closes the pipe or dies in any
// way. It then stops the server and removes the directory.
//
// The signal is repeated because a server that is just starting may miss it.
const guard = `
dir=$1 bin=$2
trap '' HUP INT TERM PIPE
exec 3<&0 </dev/null
if "$bin/initdb" --pgdata="$dir/data" --username=postgres --pwfile="$dir/password" \
	--auth=scram-sha-256 --encoding=UTF8 --no-locale --no-sync >/dev/null 3<&-
then
	"$bin/postgres" -D "$dir/data" --config-file="$dir/postgresql.conf" 3<&- &
	server=$!
	{
		cat <&3
		while kill -QUIT "$server"; do sleep 1; done
	} >/dev/null 2>&1 &
	watcher=$!
	wait "$server"
	kill -KILL "$watcher"
fi
cd / && rm -rf "$dir"
`

// guardian is the running guardian of one directory and its server.
type guardian struct {
	dir  string
	pipe io.Closer
	log  tail
	done chan struct{} // closed when the guardian has ended
}

// startGuardian runs the guardian, as the owner of the directory.
func startGuardian(dir, programs string, owner *syscall.Credential) (*guardian, error) {
	g := &guardian{dir: dir, done: make(chan struct{})}
	cmd := exec.Command("/bin/sh", "-c", guard, "guardian", dir, programs)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C", "TZ=UTC", "TMPDIR=" + dir}
	cmd.Stderr = &g.log
	cmd.WaitDelay = 5 * time.Second
	// A session of its own: an interrupt from the keyboard is for us alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: owner}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make the guardian's pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the guardian of the server: %w", err)
	}
	g.pipe = pipe
	go func() {
		defer close(g.done)
		cmd.Wait() // how it ended does not matter: its log says why
	}()
	return g, nil
}

// close lets go of the pipe and waits until the guardian has cleared up.
func (g *guardian) close() error {
	g.pipe.Close()
	<-g.done
	return os.RemoveAll(g.dir) // the guardian did it, unless somebody killed it
}

// await calls ready until it succeeds, the guardian ends or the context does.
func (g *guardian) await(ctx context.Context, ready func(context.Context) error) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-g.done:
			return fmt.Errorf("the server ended: %s", g.log.String())
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w", errors.Join(ctx.Err(), err))
		}
	}
}

// makeHome makes the temporary directory of a server and says who must own it
// and run the server: nil for ourselves. PostgreSQL refuses to run as root,
// whose own TMPDIR may moreover be closed to others, so root uses /tmp.
func makeHome() (string, *syscall.Credential, error) {
	if os.Geteuid() != 0 {
		dir, err := os.MkdirTemp("", "postgrestest-")
		return dir, nil, err
	}
	owner := &syscall.Credential{Uid: 65534, Gid: 65534} // nobody
	if u, err := user.Lookup("postgres"); err == nil {
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	dir, err := os.MkdirTemp("/tmp", "postgrestest-")
	if err != nil {
		return "", nil, err
	}
	return dir, owner, os.Chown(dir, int(owner.Uid), int(owner.Gid))
}

// furnish writes the files that the server is to find, for its owner's eyes.
func furnish(dir string, owner *syscall.Credential, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		if owner == nil {
			continue
		}
		if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	return nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailSize):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

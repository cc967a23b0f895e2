package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// guardianScript is the script of the guardian: a shell between this process and the
// server. Its standard input is a pipe whose other end only this process has, so the
// script reads the end of the file when this process closes the pipe or dies in any way.
// It then stops the server and removes the directory.
//
// The signal is repeated because a server that is just starting may miss it.
const guardianScript = `
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

// guardian is the running guardian of one server and its home.
type guardian struct {
	home home
	pipe io.Closer
	log  tail
	done chan struct{} // closed when the guardian has ended
}

// startGuardian makes a home with these files, and runs the guardian as its owner.
func startGuardian(programs string, files map[string]string) (*guardian, error) {
	h, err := newHome(files)
	if err != nil {
		return nil, err
	}
	g := &guardian{home: h, done: make(chan struct{})}
	if err := g.start(programs); err != nil {
		return nil, fmt.Errorf("start the guardian of the server: %w", errors.Join(err, h.remove()))
	}
	return g, nil
}

func (g *guardian) start(programs string) error {
	cmd := exec.Command("/bin/sh", "-c", guardianScript, "guardian", g.home.dir, programs)
	cmd.Dir = g.home.dir
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C", "TZ=UTC", "TMPDIR=" + g.home.dir}
	cmd.Stderr = &g.log
	cmd.WaitDelay = 5 * time.Second
	// A session of its own: an interrupt from the keyboard is for us alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: g.home.owner}
	var err error
	if g.pipe, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(g.done)
		cmd.Wait() // how it ended does not matter: its log says why
	}()
	return nil
}

// close closes the pipe and waits until the guardian has cleaned up.
func (g *guardian) close() error {
	g.pipe.Close()
	<-g.done
	return g.home.remove() // the guardian did it, unless it was killed
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

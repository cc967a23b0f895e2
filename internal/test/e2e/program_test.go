package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"keepcurrent.example/internal/testserver/postgrestest"
)

// workers is how many workers a program has.
const workers = 4

// program is a process that uses a recipe: one of those in testdata.
type program struct {
	*shop
	file string // with the secret, as a CSI driver mounts one

	cmd    *exec.Cmd
	stdin  io.Closer
	stderr bytes.Buffer
	silent atomic.Bool // for the connections there were

	mu      sync.Mutex // guards what follows
	stdout  []byte
	line    []byte // that has not ended
	reads   int    // of the file
	answers []answer
	calls   []hookCall
}

// hookCall is a line of a program about one call of its hook.
type hookCall struct {
	Called, Version string
	At              int64 // in milliseconds
}

// answer is a line of a program about one query.
type answer struct {
	Worker      int
	Began       int64 // in milliseconds, before the worker asked for a connection
	User, Error string

	ended time.Time // when its line came
}

func (a answer) after(moment time.Time) bool { return a.Began > moment.UnixMilli() }

// isRefusal reports whether a refused login reached the worker.
func (a answer) isRefusal() bool {
	return strings.HasPrefix(a.Error, "28") || strings.Contains(a.Error, "authentication")
}

// startProgram starts a program and waits until all its workers have an answer.
func (s *shop) startProgram(dir, command string, env ...string) *program {
	s.t.Helper()
	p := &program{shop: s, file: filepath.Join(s.t.TempDir(), "DATABASE_URL")}
	p.mount()
	s.db.Intercept(p.muffle)
	name, script, _ := strings.Cut(command, " ")
	p.cmd = exec.CommandContext(s.t.Context(), name, script)
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + dir, // which has no configuration of AWS's
		"AWS_REGION=eu-west-1",
		"AWS_DEFAULT_REGION=eu-west-1",
		"AWS_ACCESS_KEY_ID=EXAMPLE",
		"AWS_SECRET_ACCESS_KEY=EXAMPLE",
		"AWS_SESSION_TOKEN=EXAMPLE",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + s.Secrets.URL,
		"AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED=true",
		"DATABASE_SECRET_ID=" + s.secret,
		"DATABASE_FILE=" + p.file,
	}, env...)
	var err error
	p.stdin, err = p.cmd.StdinPipe()
	s.must(err)
	p.cmd.Stdout, p.cmd.Stderr = p, &p.stderr
	s.must(p.cmd.Start())
	s.t.Cleanup(func() { _ = p.cmd.Wait() }) // for a test that has failed: its context is over by now
	p.await("the program queries", func() bool { return p.works(time.Time{}, "") })
	return p
}

// end ends the program and checks everything that it has written.
func (p *program) end() {
	p.t.Helper()
	p.must(p.stdin.Close())
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the program: %v", err)
	}
	last := ""
	for line := range strings.Lines(p.stderr.String()) {
		isKnown := strings.Contains(line, "discarding closed connection") || // psycopg's pool cannot be kept from saying it
			strings.Contains(line, "garbage collector is trying to clean up non-checked-in connection") || // SQLAlchemy's, of a query that was cut
			strings.Contains(last, "SAWarning") && strings.HasPrefix(line, "  ")
		if last = line; !isKnown {
			p.t.Errorf("the program complains: %s", line)
		}
	}
	for _, secret := range slices.Concat(p.Heroku.Credentials(), p.db.Passwords()) {
		if bytes.Contains(p.stdout, []byte(secret)) || bytes.Contains(p.stderr.Bytes(), []byte(secret)) {
			p.t.Error("a credential is in the output of the program")
		}
	}
}

// Write takes the standard output.
func (p *program) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stdout = append(p.stdout, text...)
	lines := bytes.Split(append(p.line, text...), []byte("\n"))
	last := len(lines) - 1
	p.line = slices.Clone(lines[last])
	for _, line := range lines[:last] {
		var a answer
		var c hookCall
		switch {
		case json.Unmarshal(line, &c) == nil && c.Called != "":
			p.calls = append(p.calls, c)
		case string(line) == "read":
			p.reads++
		case json.Unmarshal(line, &a) == nil:
			a.ended = time.Now()
			p.answers = append(p.answers, a)
		}
	}
	return len(text), nil
}

func (p *program) await(what string, condition func() bool) {
	p.t.Helper()
	if eventually(condition) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.t.Fatalf("it never came about that %s; the end of the output: %s", what, p.stdout[max(0, len(p.stdout)-1000):])
}

// works reports whether each worker has had an answer to a query that it began after a
// moment, from a session of another user than the given one.
func (p *program) works(since time.Time, notAs string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	answered := map[int]bool{}
	for _, a := range p.answers {
		if a.Error == "" && a.after(since) && (notAs == "" || a.User != notAs) {
			answered[a.Worker] = true
		}
	}
	return len(answered) == workers
}

// called returns the calls of the program's hook.
func (p *program) called() []hookCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

func (p *program) failures() (failed []answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.answers {
		if a.Error != "" {
			failed = append(failed, a)
		}
	}
	return failed
}

// secretReads returns how often the program has read the secret. No other program reads
// it.
func (p *program) secretReads() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reads + p.Secrets.Calls()["GetSecretValue"]
}

// publish tells the webhook, and returns when the secret is right.
func (p *program) publish() time.Time {
	p.t.Helper()
	if status := p.announce(p.app); status != 204 {
		p.t.Fatalf("the webhook answers %d", status)
	}
	p.mount()
	return time.Now()
}

// mount replaces the file atomically, as a CSI driver does.
func (p *program) mount() {
	p.t.Helper()
	p.must(os.WriteFile(p.file+".new", []byte(p.value(p.secret)), 0o600))
	p.must(os.Rename(p.file+".new", p.file))
}

// muffle makes the server silent on the present connections; later ones work.
func (p *program) muffle() postgrestest.Fault {
	if p.silent.Load() {
		return nil
	}
	return func(client net.Conn, serve func(net.Conn)) { serve(&muffled{client, &p.silent}) }
}

// muffled is a connection to a client that passes nothing on once the server is silent.
type muffled struct {
	net.Conn
	silent *atomic.Bool
}

func (m *muffled) Write(p []byte) (int, error) {
	if m.silent.Load() {
		return len(p), nil
	}
	return m.Conn.Write(p)
}

// CloseWrite is needed by the server's forwarder.
func (m *muffled) CloseWrite() error { return m.Conn.(interface{ CloseWrite() error }).CloseWrite() }

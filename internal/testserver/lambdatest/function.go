package lambdatest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxPayload is Lambda's limit for the payload of an invocation, and for its response.
const maxPayload = 6 << 20

// Config describes how a function is deployed. All fields but Env are required.
type Config struct {
	Bootstrap   string        // path of the executable, see [Build]
	Name        string        // what it is called in its environment and its ARN
	Env         []string      // KEY=value; what Lambda reserves is added
	Timeout     time.Duration // of one invocation
	Concurrency int           // most processes at a time
}

// Function is a deployed function. Its methods may be called concurrently.
type Function struct {
	config Config
	host   string // address of the Runtime API
	server *http.Server
	slots  chan struct{} // one for each process that may run
	log    *logbook
	tasks  sync.WaitGroup

	mu        sync.Mutex // guards what follows
	sandboxes map[string]*sandbox
	idle      []*sandbox
	starts    int
	closed    bool
}

// Start deploys a function. No process of it runs before its first invocation.
func Start(config Config) (*Function, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("lambdatest: listen for the runtime API: %w", err)
	}
	log, err := newLogbook()
	if err != nil {
		listener.Close()
		return nil, err
	}
	f := &Function{
		config:    config,
		host:      listener.Addr().String(),
		log:       log,
		slots:     make(chan struct{}, config.Concurrency),
		sandboxes: map[string]*sandbox{},
	}
	f.server = &http.Server{Handler: f.runtimeAPI(), ReadHeaderTimeout: 10 * time.Second}
	f.tasks.Go(func() { f.server.Serve(listener) })
	return f, nil
}

// Invoke calls the function with a JSON payload and returns its answer. It waits while
// all processes are busy. If the function fails, the error is a [*FunctionError]. If the
// payload is too large, the function is not called. If the context ends first, Invoke
// returns and the function works on, as on Lambda.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if len(payload) > maxPayload {
		return nil, errTooLarge
	}
	select {
	case f.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	i := newInvocation(payload)
	if !f.begin(func() { f.run(i); <-f.slots }) {
		<-f.slots
		return nil, errClosed
	}
	select {
	case o := <-i.done:
		return o.payload, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// begin runs a task unless the function is closed.
func (f *Function) begin(task func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.tasks.Go(task)
	return true
}

// Logs returns everything that all processes wrote so far to stdout and stderr. When
// Invoke has returned, it includes what the process wrote before its answer.
func (f *Function) Logs() []byte { return f.log.text() }

// Starts counts the cold starts so far.
func (f *Function) Starts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.starts
}

// Pids lists the running processes, for a test that measures their memory.
func (f *Function) Pids() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	var pids []int
	for _, s := range f.sandboxes {
		pids = append(pids, s.cmd.Process.Pid)
	}
	return pids
}

// Kill kills every running process, whatever it is doing, and returns when they are
// gone. Their invocations fail; the next one starts cold.
func (f *Function) Kill() {
	f.mu.Lock()
	running := slices.Collect(maps.Values(f.sandboxes))
	f.mu.Unlock()
	for _, s := range running {
		s.kill()
	}
}

// Close ends the function. Nothing of it is left when it returns.
func (f *Function) Close() error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.Kill()
	err := f.server.Close()
	f.tasks.Wait()
	if err != nil {
		err = fmt.Errorf("lambdatest: close the runtime API: %w", err)
	}
	return errors.Join(err, f.log.close())
}

package lambdatest

import (
	"crypto/rand"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"
)

// initLimit is how long Lambda lets a process initialize itself.
const initLimit = 10 * time.Second

// sandbox is one process of a function.
type sandbox struct {
	id       string
	cmd      *exec.Cmd
	asks     chan struct{}    // the process waits for an invocation
	work     chan *invocation // the invocation that it waits for
	outcomes chan outcome     // what it made of it
	exited   chan struct{}    // closed when the process is gone
	current  atomic.Pointer[invocation]
}

// startSandbox is a cold start.
func (f *Function) startSandbox() (*sandbox, error) {
	s := &sandbox{
		id:       rand.Text(),
		cmd:      exec.Command(f.config.Bootstrap),
		asks:     make(chan struct{}, 1),
		work:     make(chan *invocation, 1),
		outcomes: make(chan outcome, 1),
		exited:   make(chan struct{}),
	}
	s.cmd.Dir = filepath.Dir(f.config.Bootstrap)
	s.cmd.Env = f.environment(s.id)
	s.cmd.Stdout = f.log.file
	s.cmd.Stderr = f.log.file
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errClosed
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("lambdatest: start the function: %w", err)
	}
	f.starts++
	f.sandboxes[s.id] = s
	f.tasks.Go(func() { f.reap(s) })
	return s, nil
}

// reap waits for the end of a process and forgets it.
func (f *Function) reap(s *sandbox) {
	s.cmd.Wait() // the state that it leaves in s.cmd says how it ended
	f.mu.Lock()
	delete(f.sandboxes, s.id)
	f.mu.Unlock()
	close(s.exited)
}

// kill kills the process and waits until it is gone.
func (s *sandbox) kill() {
	s.cmd.Process.Kill() // fails if it is gone already
	<-s.exited
}

// give hands the process the invocation that it asked for.
func (s *sandbox) give(i *invocation) {
	s.current.Store(i)
	s.work <- i
}

// last returns the outcome that the process reported before it ended, or else the error
// that its end means.
func (s *sandbox) last(end *FunctionError) outcome {
	select {
	case o := <-s.outcomes:
		return o
	default:
		return outcome{err: end}
	}
}

// environment returns a process's environment. Variables that the configuration may
// replace come first, and those that Lambda reserves come last, because the last value
// of a key counts. The configuration has the region and the role's credentials.
func (f *Function) environment(sandbox string) []string {
	env := append([]string{"TZ=:UTC"}, f.config.Env...)
	return append(env,
		// On Lambda the address has no path. Clients append their path to it, so each
		// process can have its own address.
		"AWS_LAMBDA_RUNTIME_API="+f.host+"/"+sandbox,
		"AWS_LAMBDA_FUNCTION_NAME="+f.config.Name,
	)
}

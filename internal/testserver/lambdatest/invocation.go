package lambdatest

import (
	"time"

	"keepcurrent.example/internal/testserver/uuid"
)

// invocation is one piece of work for a function.
type invocation struct {
	id       string
	payload  []byte
	deadline time.Time
	done     chan outcome // takes one without a reader
}

// outcome is the result of an invocation: the error is a *FunctionError, or the reason
// why a process could not start.
type outcome struct {
	payload []byte
	err     error
}

func newInvocation(payload []byte) *invocation {
	return &invocation{id: uuid.New(), payload: payload, done: make(chan outcome, 1)}
}

// run takes an invocation through a process, idle or new, from its beginning
// until the process asks for more work or is gone.
func (f *Function) run(i *invocation) {
	s, err := f.acquire(i)
	if err != nil {
		i.done <- outcome{err: err}
		return
	}
	i.deadline = time.Now().Add(f.config.Timeout)
	limit := time.NewTimer(f.config.Timeout)
	defer limit.Stop()
	s.give(i)
	select {
	case o := <-s.outcomes:
		i.done <- o
	case <-s.exited:
		i.done <- s.last(ended(i.id, s.cmd.ProcessState))
		return
	case <-limit.C:
		s.kill()
		i.done <- s.last(timedOut(i.id, f.config.Timeout))
		return
	}
	select {
	case <-s.asks:
		f.rest(s)
	case <-s.exited:
	case <-limit.C:
		s.kill()
	}
}

// acquire returns a process that asks for work.
func (f *Function) acquire(i *invocation) (*sandbox, error) {
	if s := f.wake(); s != nil {
		return s, nil
	}
	s, err := f.startSandbox()
	if err != nil {
		return nil, err
	}
	limit := time.NewTimer(initLimit)
	defer limit.Stop()
	select {
	case <-s.asks:
		return s, nil
	case <-s.exited:
		return nil, ended(i.id, s.cmd.ProcessState)
	case <-limit.C:
		s.kill()
		return nil, timedOut(i.id, initLimit)
	}
}

// wake returns the process that was used last, nil if none is alive.
func (f *Function) wake() *sandbox {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.idle) > 0 {
		s := f.idle[len(f.idle)-1]
		f.idle = f.idle[:len(f.idle)-1]
		select {
		case <-s.exited:
		default:
			return s
		}
	}
	return nil
}

// rest keeps a process for the next invocation.
func (f *Function) rest(s *sandbox) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.idle = append(f.idle, s)
}

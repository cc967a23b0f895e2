package credential

import (
	"errors"
	"fmt"
	"path"
	"runtime"
	"strings"
)

// PanicError is a panic that was recovered. It shows where the panic came from and, if
// it is one of Go's own, what it says. The value of any other panic can be anything, a
// credential too, and is not kept.
type PanicError struct {
	Type string // of the panic's value
	Text string // of a [runtime.Error], "" for anything else
	// Stack has the functions with their files and lines, the one that panicked first,
	// and no arguments.
	Stack []string
}

func (e *PanicError) Error() string {
	text := "a panic of type " + e.Type
	if e.Text != "" {
		text = "a panic: " + e.Text
	}
	if len(e.Stack) > 0 {
		text += ", in " + e.Stack[0]
	}
	return text
}

// RecoverPanic calls f and returns its error, or a *[PanicError] if it panics.
func RecoverPanic(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = Recovered(value)
		}
	}()
	return f()
}

// Recovered describes a panic that a deferred function has recovered and not yet left.
func Recovered(value any) *PanicError {
	e := &PanicError{Type: fmt.Sprintf("%T", value), Stack: stack()}
	if err, ok := value.(runtime.Error); ok {
		e.Text = err.Error()
	}
	return e
}

// maxStack is how many functions a stack shows.
const maxStack = 32

// stack is that of the panic that is being recovered. It begins below runtime.gopanic, and
// below what of the runtime called that.
func stack() (lines []string) {
	var counters [maxStack + 16]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(2, counters[:])])
	raised := false
	for more := true; more && len(lines) < maxStack; {
		var frame runtime.Frame
		frame, more = frames.Next()
		raised = raised || frame.Function == "runtime.gopanic"
		if !raised || len(lines) == 0 && strings.HasPrefix(frame.Function, "runtime.") {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s (%s:%d)", frame.Function, path.Base(frame.File), frame.Line))
	}
	return lines
}

// StackOf returns the stack of the panic that an error comes from, nil if it comes from none.
func StackOf(err error) []string {
	if panicked, ok := errors.AsType[*PanicError](err); ok {
		return panicked.Stack
	}
	return nil
}

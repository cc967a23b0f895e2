package lambdatest

import (
	"errors"
	"os"
	"regexp"
	"testing"
	"time"
)

func TestFailuresAreThoseOfLambda(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		config  Config
		payload []byte
		kind    string // of the error
		message string // a pattern
		starts  int    // after one more, good invocation
	}{
		{"returned error", Config{}, deed("error", "not today"), "errorString", `^not today$`, 1},
		{"panic", Config{}, deed("panic", "help"), "string", `^help$`, 2},
		{"exit with a status", Config{}, deed("exit", "xx"), "Runtime.ExitError",
			`^RequestId: [0-9a-f-]{36} Error: Runtime exited with error: exit status 2$`, 2},
		{"exit without one", Config{}, deed("exit", ""), "Runtime.ExitError",
			`Error: Runtime exited without providing a reason$`, 2},
		{"hang", Config{Timeout: 1500 * time.Millisecond}, deed("hang", ""), "Sandbox.Timedout",
			`^RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.50 seconds$`, 2},
		{"too large a response", Config{}, deed("swell", ""), "Function.ResponseSizeTooLarge", `6291456 bytes`, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := start(t, c.config)
			_, err := f.Invoke(t.Context(), c.payload)
			wantFunctionError(t, err, c.kind, c.message)
			wantEcho(t, f, "well again")
			wantStarts(t, f, c.starts)
			if pids := f.Pids(); len(pids) != 1 {
				t.Errorf("%d processes are left, want the one of the good invocation", len(pids))
			}
		})
	}
}

func wantFunctionError(t *testing.T, err error, kind, message string) {
	t.Helper()
	var failure *FunctionError
	if !errors.As(err, &failure) {
		t.Fatalf("got error %v, want a FunctionError", err)
	}
	if failure.Type != kind || !regexp.MustCompile(message).MatchString(failure.Message) {
		t.Errorf("got %s: %q, want %s: %s", failure.Type, failure.Message, kind, message)
	}
}

func TestFailedInitializationFailsTheInvocation(t *testing.T) {
	t.Parallel()
	f := start(t, Config{Env: []string{"INIT=exit"}})
	_, err := f.Invoke(t.Context(), deed("echo", ""))
	wantFunctionError(t, err, "Runtime.ExitError", `exit status 3$`)
}

func TestBootstrapThatIsNotThereFailsTheInvocation(t *testing.T) {
	t.Parallel()
	f := start(t, Config{Bootstrap: echo + "-not"})
	if _, err := f.Invoke(t.Context(), deed("echo", "")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v, want one of a missing file", err)
	}
}

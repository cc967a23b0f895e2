package lambdatest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestProcessIsKeptWarm(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	wantStarts(t, f, 0)
	for _, text := range []string{"one", "two", "three"} {
		wantEcho(t, f, text)
	}
	wantStarts(t, f, 1)
}

func TestInvocationsAtTheSameTimeHaveProcessesOfTheirOwn(t *testing.T) {
	t.Parallel()
	f := start(t, Config{Concurrency: 4})
	door, address := listen(t)
	var guests sync.WaitGroup
	for range 8 {
		guests.Go(func() {
			if _, err := f.Invoke(t.Context(), deed("meet", address)); err != nil {
				t.Error(err)
			}
		})
	}
	for range 2 {
		var inside []net.Conn
		for range 4 {
			inside = append(inside, accept(t, door))
		}
		for _, conn := range inside {
			conn.Close()
		}
	}
	guests.Wait()
	wantStarts(t, f, 4)
}

func TestKillFailsWhatRunsAndTheNextStartsCold(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	door, address := listen(t)
	failed := make(chan error, 1)
	go func() {
		_, err := f.Invoke(context.WithoutCancel(t.Context()), deed("meet", address))
		failed <- err
	}()
	accept(t, door)
	f.Kill()
	wantFunctionError(t, <-failed, "Runtime.ExitError", `signal: killed$`)
	wantEcho(t, f, "cold")
	f.Kill() // an idle one
	wantEcho(t, f, "cold again")
	wantStarts(t, f, 3)
}

func TestInvokeReturnsWithItsContextAndTheFunctionWorksOn(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	door, address := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := f.Invoke(ctx, deed("meet", address))
		failed <- err
	}()
	conn := accept(t, door)
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	if _, err := f.Invoke(ctx, deed("echo", "")); !errors.Is(err, context.Canceled) {
		t.Errorf("one that waits for a process got error %v", err)
	}
	conn.Close()
	wantEcho(t, f, "still here")
	wantStarts(t, f, 1)
}

func TestClosedFunctionRefuses(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	wantEcho(t, f, "open")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Invoke(t.Context(), deed("echo", "")); !errors.Is(err, errClosed) {
		t.Errorf("got error %v", err)
	}
}

func TestAPayloadThatLambdaRefusesDoesNotReachTheFunction(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	if _, err := f.Invoke(t.Context(), deed("echo", strings.Repeat("x", maxPayload))); !errors.Is(err, errTooLarge) {
		t.Errorf("got error %v", err)
	}
	wantStarts(t, f, 0)
}

func TestLogsHaveBothStreamsOfAllProcesses(t *testing.T) {
	t.Parallel()
	f := start(t, Config{})
	wantEcho(t, f, "first")
	f.Kill()
	wantEcho(t, f, "second")
	logs := string(f.Logs())
	for _, line := range []string{"to stdout: first\n", "to stderr: first\n", "to stdout: second\n"} {
		if !strings.Contains(logs, line) {
			t.Errorf("the logs lack %q:\n%s", line, logs)
		}
	}
	if got := strings.Count(logs, "cold start\n"); got != 2 {
		t.Errorf("%d cold starts in the logs, want 2", got)
	}
}

func TestProcessEndsWhenOursIsKilled(t *testing.T) {
	t.Parallel()
	door, address := listen(t)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), victimBootstrap+"="+echo, victimHold+"="+address)
	stdin, err := child.StdinPipe() // held open: the child waits at it
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	conn := accept(t, door)
	said := make([]byte, len("<nil>"))
	if _, err := io.ReadFull(stdout, said); err != nil || string(said) != "<nil>" {
		t.Errorf("the child says %s, error %v", said, err)
	}
	child.Process.Kill()
	child.Wait()
	// The function holds the connection as long as it lives.
	var timeout net.Error
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the function lives on: %v", err)
	}
}

func TestNothingIsLeftAfterClose(t *testing.T) {
	before := runtime.NumGoroutine()
	f := start(t, Config{Concurrency: 2})
	wantEcho(t, f, "here")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	limit := time.After(time.Minute)
	for runtime.NumGoroutine() > before {
		select {
		case <-again.C:
		case <-limit:
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

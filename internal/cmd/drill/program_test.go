package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"keepcurrent.example/internal/testserver/stacktest"
)

// command is the drill as a person starts it, against the local stack.
func (l *local) command(file, answers string, args ...string) (*exec.Cmd, *output) {
	l.t.Helper()
	cmd := exec.CommandContext(l.t.Context(), program, append([]string{"-webhook-url", l.front.URL + "/heroku/webhook", "-signing-key", stacktest.SigningSecret,
		"-poll", pollEvery.String(), "-patience", "10s", "-rounds", "3", "-json", file}, args...)...)
	cmd.Env = append(os.Environ(), "HEROKU_API_KEY="+l.Heroku.Token(), "HEROKU_API_URL="+l.Heroku.URL, "AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=EXAMPLE", "AWS_SECRET_ACCESS_KEY=EXAMPLE", "AWS_ENDPOINT_URL_SECRETS_MANAGER="+l.Secrets.URL)
	cmd.Stdin = strings.NewReader(answers)
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out
}

func TestTheProgramDrillsAStackAndReportsWithoutACredential(t *testing.T) {
	t.Parallel()
	l := start(t)
	file := filepath.Join(t.TempDir(), "report.json")
	cmd, out := l.command(file, "y\n")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Begin?", "not checked", "0 failed", "removed the app"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the output lacks %q:\n%s", part, out)
		}
	}
	for _, credential := range append(l.Heroku.Credentials(), stacktest.SigningKey) {
		if strings.Contains(out.String()+string(text), credential) {
			t.Error("a credential is shown")
		}
	}
	permits(t, l.Secrets.Calls())
	l.nothingLeft()
}

// shows waits until a program has printed something.
func shows(t *testing.T, out *output, what string) {
	t.Helper()
	if _, err := until(t.Context(), "it prints "+what, time.Minute, time.Millisecond, func() (bool, error) { return strings.Contains(out.String(), what), nil }); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
}

// A closed terminal ends a program as Ctrl-C does.
func TestAProgramThatIsInterruptedLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]os.Signal{"Ctrl-C": os.Interrupt, "a closed terminal": syscall.SIGHUP, "kill": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t)
			cmd, out := l.command(filepath.Join(t.TempDir(), "report.json"), "y\n", "-rounds", "60", "-only", "webhook")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			shows(t, out, "  webhook ")
			_ = cmd.Process.Signal(signal)
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 2 {
				t.Errorf("status %d\n%s", code, out)
			}
			l.nothingLeft()
		})
	}
}

func TestCtrlCAtTheQuestionEndsTheProgram(t *testing.T) {
	t.Parallel()
	l := start(t)
	cmd, out := l.command(filepath.Join(t.TempDir(), "report.json"), "")
	nobody, answers, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	defer answers.Close()
	cmd.Stdin = nobody
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	shows(t, out, "Begin?")
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(out.String(), "nothing was made") {
		t.Errorf("status %d\n%s", code, out)
	}
}

func TestALaterRunRemovesWhatAKilledOneLeft(t *testing.T) {
	t.Parallel()
	l := start(t)
	file := filepath.Join(t.TempDir(), "report.json")
	killed, out := l.command(file, "y\n", "-rounds", "60", "-only", "swap,subscribe,webhook")
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	shows(t, out, "  webhook ")
	_ = killed.Process.Kill()
	_ = killed.Wait()
	if left := l.left(); len(left) != 3 {
		t.Fatalf("left is %q, want an app and two secrets", left)
	}
	somebodys := l.Heroku.CreateApp(appPrefix + "20200101000000") // made at another time than its name says
	for _, tt := range []struct {
		answers string
		args    []string
		left    int
		code    int
	}{
		{"n\nn\n", nil, 3, 2},
		{"", []string{"-yes", "-only", "swap"}, 3, 0}, // another drill may be running
		{"n\ny\n", []string{"-json", filepath.Join(file, "no-folder")}, 3, 2},
		{"y\nn\n", nil, 0, 2},
	} {
		cmd, out := l.command(file, tt.answers, tt.args...)
		_ = cmd.Run()
		if left := l.left(); cmd.ProcessState.ExitCode() != tt.code || len(left) != tt.left {
			t.Errorf("%q: status %d, left is %q\n%s", tt.answers, cmd.ProcessState.ExitCode(), left, out)
		}
	}
	if err := l.drill(io.Discard).heroku.do(t.Context(), "GET", "/apps/"+somebodys.Name+"/config-vars", nil, nil, nil); err != nil {
		t.Errorf("somebody's app is gone: %v", err)
	}
}

func TestWhatIsNotUnderstoodIsRefusedBeforeAnythingHappens(t *testing.T) {
	t.Parallel()
	const stack = "-webhook-url=https://hook.invalid"
	for name, tt := range map[string]struct {
		env  string
		args []string
		code int
		says string
	}{
		"help":             {"HEROKU_API_KEY=EXAMPLE", []string{"-help"}, 0, "usage: make drill"},
		"no stack":         {"HEROKU_API_KEY=EXAMPLE", nil, 2, "make drill STACK=name"},
		"two stacks":       {"HEROKU_API_KEY=EXAMPLE", []string{stack, "-stack=a"}, 2, "make drill STACK=name"},
		"no token":         {"HEROKU_API_KEY=", []string{stack}, 2, "export HEROKU_API_KEY"},
		"an unknown check": {"HEROKU_API_KEY=EXAMPLE", []string{stack, "-only=everything"}, 2, "there is no check everything"},
		"an unknown flag":  {"HEROKU_API_KEY=EXAMPLE", []string{stack, "-force"}, 2, "-force"},
		"your own stack":   {"HEROKU_API_KEY=EXAMPLE", []string{stack, "-use-up-requests"}, 2, "would stop the stack"},
		"a word":           {"HEROKU_API_KEY=EXAMPLE", []string{stack, "shop"}, 2, "shop is not understood"},
		"too many rounds":  {"HEROKU_API_KEY=EXAMPLE", []string{stack, "-rounds=61"}, 2, "from 1 to 60"},
		"no rounds":        {"HEROKU_API_KEY=EXAMPLE", []string{stack, "-rounds=0"}, 2, "from 1 to 60"},
		"a negative poll":  {"HEROKU_API_KEY=EXAMPLE", []string{stack, "-poll=-1h"}, 2, "from 0 to 4h"},
		"a rare poll":      {"HEROKU_API_KEY=EXAMPLE", []string{stack, "-poll=5h"}, 2, "from 0 to 4h"},
		"no stack's name":  {"HEROKU_API_KEY=EXAMPLE", []string{"-stack=my_stack"}, 2, "letters, digits and dashes"},
		"no TLS":           {"HEROKU_API_KEY=EXAMPLE\nAWS_REGION=eu-west-1\nHEROKU_API_URL=http://api.invalid", []string{stack}, 2, "does not begin with https://"},
		"no Region":        {"HEROKU_API_KEY=EXAMPLE", []string{stack}, 2, "AWS has no Region"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), program, tt.args...)
			cmd.Env = append(strings.Split(tt.env, "\n"), "HOME="+t.TempDir(), "AWS_EC2_METADATA_DISABLED=true")
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != tt.code || !strings.Contains(string(out), tt.says) {
				t.Errorf("status %d:\n%s", code, out)
			}
			if lines := strings.Count(string(out), "\n"); tt.code == 2 && lines != 1 {
				t.Errorf("%d lines, where one says it", lines)
			}
		})
	}
}

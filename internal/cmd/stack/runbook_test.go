package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The functions that the runbook asks a person to paste.
func pasted(t *testing.T) string {
	t.Helper()
	_, first, _ := strings.Cut(read(t, "../../../docs/runbook.md"), "\n## First\n")
	found := regexp.MustCompile("(?s)```sh\n(STACK=.*?)```").FindStringSubmatch(first)
	if found == nil {
		t.Fatal("the runbook has nothing to paste")
	}
	return found[1]
}

// The CLI writes a summary of its own behind an answer, and empties the file that it is
// given: a redirection of its output has erased a log.
func TestTheRunbooksPollPrintsTheAnswerAloneWhereverItGoes(t *testing.T) {
	s := openSite(t, "http://127.0.0.1:1")
	s.stacks.has("CREATE_COMPLETE")
	s.answer = `{"dryRun":true,"bindings":1}`
	t.Setenv("AWS_DEFAULT_REGION", "eu-west-1") // which both versions of the CLI read
	functions := pasted(t)
	// Each call of the CLI takes a second, so the poller's name is looked up once.
	known := functions + "out() { echo keepcurrent-poller; }\n"
	s.write("log", "a former line\n")
	for name, test := range map[string]struct{ tool, shell, script, wrote, log string }{
		"a file":     {"bash", "bash", functions + `poll '{"dryRun":true}' >>log`, "", "a former line\n" + s.answer + "\n"},
		"a pipe":     {"sh", "sh", known + `poll '{"dryRun":true}' | tr a-z A-Z`, strings.ToUpper(s.answer) + "\n", ""},
		"a terminal": {"script", "bash", known + `poll '{"dryRun":true}'`, s.answer + "\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(test.tool); err != nil {
				t.Skip(test.tool + " is not installed")
			}
			s.write("run.sh", test.script+"\n")
			cmd := exec.CommandContext(t.Context(), test.shell, "run.sh")
			if test.tool == "script" { // gives its command a terminal
				cmd = exec.CommandContext(t.Context(), "script", "-qec", test.shell+" run.sh", "/dev/null")
			}
			cmd.Dir = s.folder
			out, err := cmd.Output()
			if err != nil || string(out) != test.wrote {
				t.Errorf("%v, and it wrote %q, want %q", err, out, test.wrote)
			}
			if asked, want := s.asked(), `keepcurrent-poller {"dryRun":true}`; !slices.Equal(asked, []string{want}) {
				t.Errorf("the poller was asked %q, want %q", asked, want)
			}
			if log := read(t, filepath.Join(s.folder, "log")); test.log != "" && log != test.log {
				t.Errorf("the log is %q, want %q", log, test.log)
			}
		})
	}
}

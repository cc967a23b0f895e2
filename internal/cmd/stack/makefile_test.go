package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"keepcurrent.example/internal/testserver/tool"
)

// Each of these would otherwise fail late and at length, or do something else.
func TestMakeRefusesNonsenseInOneLine(t *testing.T) {
	t.Parallel()
	program := tool.Path(t, "make")
	nothing := t.TempDir()
	for _, test := range []struct{ words, path, want string }{
		{"soak FOR=abc", "", "FOR=abc is no time: say FOR=30s, FOR=10m or FOR=2h"},
		{"soak FOR=", "", "FOR= is no time: say FOR=30s, FOR=10m or FOR=2h"},
		{"load FOR=10", "", "FOR=10 is no time: say FOR=30s, FOR=10m or FOR=2h"},
		{"load FOR=1m;date", "", "FOR=1m;date is no time: say FOR=30s, FOR=10m or FOR=2h"},
		{"fuzz FOR=-1s", "", "FOR=-1s is no time: say FOR=30s, FOR=10m or FOR=2h"},
		{"proof N=many", "", "N=many is no number of times: say N=20"},
		{"proof N=0", "", "N=0 is no number of times: say N=20"},
		{"status", nothing, "go is not installed: https://go.dev/dl/"},
		{"subscribe APP=shop", nothing, "go is not installed: https://go.dev/dl/"},
		{"unsubscribe APP=shop", nothing, "go is not installed: https://go.dev/dl/"},
	} {
		t.Run(test.words, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), program, append([]string{"-C", "../../..", "--no-print-directory"}, strings.Fields(test.words)...)...)
			path := os.Getenv("PATH")
			if test.path != "" {
				path = test.path
			}
			cmd.Env = []string{"PATH=" + path, "HOME=" + os.Getenv("HOME")}
			out, err := cmd.CombinedOutput()
			said, rest, _ := strings.Cut(string(out), "\n")
			if err == nil || said != test.want || strings.Count(rest, "\n") != 1 || !strings.HasPrefix(rest, "make: *** ") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// A misspelt word would be lost: another stack, or a parameter that nobody has set.
func TestMakeRefusesWordsThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	program := tool.Path(t, "make")
	environment := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS") })
	for words, want := range map[string]string{
		"status STAK=prod":                 "make status does not know STAK: it takes STACK ALL",
		"drill STACK=prod FLAGS=-yes":      "make drill does not know FLAGS: it takes STACK DRILL",
		"deploy HerokuAp=shop STACK=prod":  "template.yaml has no parameter HerokuAp, but it has HerokuApiUrl, HerokuApp, HerokuReserve\n",
		"deploy Email=you@example.com":     "template.yaml has no parameter Email, but it has AlarmEmail\n",
		"deploy pollminutes=2":             "template.yaml has no parameter pollminutes, but it has PollMinutes\n",
		"deploy PollMins=2":                "template.yaml has no parameter PollMins, but it has PollMinutes\n",
		"deploy ReserveHeroku=9":           "template.yaml has no parameter ReserveHeroku, but it has HerokuApiUrl, HerokuApp, HerokuReserve, ReserveConcurrency\n",
		"deploy heroku-app=shop":           "template.yaml has no parameter (a word that is no name); beside",
		"subscribe APP=shop heroku-app=a":  "subscribe takes APP and STACK alone, and not (a word that is no name)",
		"deploy Pol=2":                     "template.yaml has no parameter Pol; beside STACK and BUCKET it has: AlarmEmail, ",
		"subscribe APP=shop STAK=prod":     "subscribe takes APP and STACK alone, and not STAK",
		"unsubscribe APP=shop STAK=prod":   "unsubscribe takes APP and STACK alone, and not STAK",
		"remove STACK=prod FORCE=1":        "remove takes STACK and YES alone, and not FORCE",
		"remove STACK=prod HerokuApp=shop": "remove takes STACK and YES alone",
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), program, append([]string{"-C", "../../..", "--no-print-directory"}, strings.Fields(words)...)...)
			cmd.Env = environment
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") > 2 {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

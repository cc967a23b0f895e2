package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-nonsense"}, {"shop"}, {"-all=perhaps"}, {"STACK=kc", "-local"}, {"-all", "STACK=kc"}} {
		if stdout, stderr, code := invoke("", args...); stdout != "" || !strings.HasSuffix(stderr, usage) || code != notAsked {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	if stdout, stderr, code := invoke("", "-h"); stdout != usage || stderr != "" || code != 0 {
		t.Errorf("-h: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestAPersonWhoPipesNothingIsNotLeftWaiting(t *testing.T) {
	t.Parallel()
	keyboard, err := os.Open(os.DevNull) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer keyboard.Close()
	var stdout, stderr strings.Builder
	if code := run(t.Context(), nil, keyboard, &stdout, &stderr); code != notAsked || stderr.String() != usage {
		t.Errorf("exit code %d, stderr %q", code, &stderr)
	}
}

var port = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// The errors of a real login have a port that differs in length, so where they
// break is not part of the comparison.
func TestAStackOnThisMachineHasABindingInEachState(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := invoke("", "-local")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	table, rest, _ := strings.Cut(stdout, "\n\n")
	golden(t, table, `
              SECRET           APP                 LOGS IN  CREDENTIAL  WEBHOOK  DIFFERS IN
FAILED        wiki/database    shop                –        –           right
HELD          ledger/reports   ledger REPORTS_URL  no       unknown     right    password
NO LOGIN      forum/database   forum               no       default     right
would change  blog/settings    blog DATABASE_URL   yes      default     missing  key "db", password
off           museum/database  museum              –        –           –
ok            blog/settings    blog REPORTS_URL    yes      named       missing
ok            shop/database    shop                yes      default     right`)
	rest = port.ReplaceAllString(strings.Join(strings.Fields(rest), " "), "ADDRESS")
	for _, want := range []string{
		`wiki/database: a tag is invalid: tag heroku:format is "yaml"`,
		"ledger/reports: the candidate does not log in and the secret's value does: the server refuses the login (ADDRESS answers SQLSTATE 28P01)",
		"forum/database: the secret is equal to the config var, but it does not log in: the server refuses the login (ADDRESS answers SQLSTATE 28P01)",
		"Without exactly one right webhook: blog.", "make subscribe APP=blog STACK=name", "3 need you: wiki/database, ledger/reports, forum/database. 1 webhook needs you.",
		"These secrets are made up",
		"3 have their database's default credential:",
		"7 bindings of 6 secrets: 1 FAILED, 1 HELD, 1 NO LOGIN, 1 would change, 1 off, 2 ok. 3 need you: wiki/database, ledger/reports, forum/database.",
	} {
		if !strings.Contains(rest, want) {
			t.Errorf("below the table there is no %q:\n%s", want, rest)
		}
	}
}

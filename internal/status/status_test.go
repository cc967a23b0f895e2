package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// invoke runs the program on an input.
func invoke(input string, args ...string) (stdout, stderr string, code int) {
	var out, complaint strings.Builder
	code = run(args, strings.NewReader(input), &out, &complaint)
	return out.String(), complaint.String(), code
}

// golden compares what was printed, and shows both in full if they differ.
func golden(t *testing.T, got, want string) {
	t.Helper()
	if want = strings.TrimPrefix(want, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// dryRun is an answer with these lines of a plan.
func dryRun(plan ...string) string {
	return fmt.Sprintf(`{"dryRun":true,"bindings":%d,"plan":[%s]}`, len(plan), strings.Join(plan, ","))
}

const (
	shopOK   = `{"app":"shop","configVar":"DATABASE_URL","secret":"shop/database","outcome":"unchanged","logsIn":true,"version":"7401c29c"}`
	blogOK   = `{"app":"blog","configVar":"READ_URL","secret":"blog/database","outcome":"unchanged","logsIn":true}`
	untried  = `{"app":"crm","configVar":"DATABASE_URL","secret":"crm/database","outcome":"unchanged"}`
	rotated  = `{"app":"pay","configVar":"DATABASE_URL","secret":"pay/database","outcome":"published","changes":["host","password"],"logsIn":true}`
	filled   = `{"app":"new","configVar":"DATABASE_URL","secret":"new/database","outcome":"published","changes":["everything"],"logsIn":true}`
	worthy   = `{"app":"sad","configVar":"DATABASE_URL","secret":"sad/database","outcome":"published","changes":["password"],"logsIn":false,"error":"app sad, config var DATABASE_URL, secret sad/database: neither the candidate nor the secret's value logs in: the server refuses the login"}`
	heldBack = `{"app":"ads","configVar":"DATABASE_URL","secret":"ads/database","outcome":"held","changes":["password"],"logsIn":false,"error":"app ads, config var DATABASE_URL, secret ads/database: the candidate does not log in and the secret's value does"}`
	dead     = `{"app":"old","configVar":"DATABASE_URL","secret":"old/database","outcome":"held","logsIn":false,"error":"app old, config var DATABASE_URL, secret old/database: the secret is equal to the config var, but it does not log in: the server refuses the login (db.example:5432 answers SQLSTATE 28P01)"}`
	broken   = `{"app":"wiki","configVar":"DATABASE_URL","secret":"wiki/database","outcome":"failed","error":"app wiki, config var DATABASE_URL, secret wiki/database: a tag makes no sense: tag heroku:format is \"yaml\": it can be \"json\" or \"url\""}`
	later    = `{"app":"late","configVar":"DATABASE_URL","secret":"late/database","outcome":"deferred","error":"app late, config var DATABASE_URL, secret late/database: Heroku's rate limit is used up"}`
	optedOut = `{"app":"shop","configVar":"DATABASE_URL","secret":"museum/database","outcome":"off"}`
	novel    = `{"app":"new","configVar":"DATABASE_URL","secret":"new/database","outcome":"transcended","aura":[1,{}]}`
)

func TestThePageOfAnAnswer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, answer string
		code         int
		want         string
	}{
		{"everything is well", dryRun(blogOK, shopOK), well, `
    SECRET         APP            LOGS IN  DIFFERS IN
ok  blog/database  blog READ_URL  yes
ok  shop/database  shop           yes

All 2 secrets are equal and log in.
`},
		{"one", dryRun(shopOK), well, `
    SECRET         APP   LOGS IN  DIFFERS IN
ok  shop/database  shop  yes

The one secret is equal and logs in.
`},
		{"one is not tried", dryRun(untried, shopOK), well, `
    SECRET         APP   LOGS IN  DIFFERS IN
ok  crm/database   crm   –
ok  shop/database  shop  yes

All 2 secrets are equal and log in, but for 1 that is not tried.
`},
		{"none is tried", dryRun(untried), well, `
    SECRET        APP  LOGS IN  DIFFERS IN
ok  crm/database  crm  –

The one secret is equal; no login was tried.
`},
		{"one is off", dryRun(optedOut, shopOK), well, `
     SECRET           APP   LOGS IN  DIFFERS IN
off  museum/database  shop  –
ok   shop/database    shop  yes

2 secrets: 1 off, 1 ok. Nothing needs you.
`},
		{"changes", dryRun(filled, rotated, shopOK), well, `
              SECRET         APP   LOGS IN  DIFFERS IN
would change  new/database   new   yes      everything
would change  pay/database   pay   yes      host, password
ok            shop/database  shop  yes

3 secrets: 2 would change, 1 ok. Nothing needs you: the next poll publishes
  what differs, unless the stack is paused.
`},
		{"one is deferred", dryRun(later, rotated), unwell, `
              SECRET         APP   LOGS IN  DIFFERS IN
deferred      late/database  late  –
would change  pay/database   pay   yes      host, password

late/database: Heroku's rate limit is used up

2 secrets: 1 deferred, 1 would change. What is deferred was not looked at: ask
  again later.
`},
		{"one of each", dryRun(heldBack, blogOK, dead, later, optedOut, rotated, worthy, shopOK, broken), unwell, `
              SECRET           APP            LOGS IN  DIFFERS IN
FAILED        wiki/database    wiki           –
HELD          ads/database     ads            no       password
NO LOGIN      old/database     old            no
NO LOGIN      sad/database     sad            no       password
deferred      late/database    late           –
would change  pay/database     pay            yes      host, password
off           museum/database  shop           –
ok            blog/database    blog READ_URL  yes
ok            shop/database    shop           yes

wiki/database: a tag makes no sense: tag heroku:format is "yaml": it can be
  "json" or "url"

ads/database: the candidate does not log in and the secret's value does

old/database: the secret is equal to the config var, but it does not log in:
  the server refuses the login (db.example:5432 answers SQLSTATE 28P01)

sad/database: neither the candidate nor the secret's value logs in: the server
  refuses the login

late/database: Heroku's rate limit is used up

9 secrets: 1 FAILED, 1 HELD, 2 NO LOGIN, 1 deferred, 1 would change, 1 off, 2
  ok. 4 need you: wiki/database, ads/database, old/database and 1 more.
`},
		{"webhooks", `{"dryRun":true,"bindings":2,"plan":[` + rotated + `,` + shopOK + `],"subscriptions":[
			{"app":"shop","state":"right"},{"app":"pay","error":"Heroku answers 403 Forbidden"},{"app":"x","state":"missing"}]}`, well, `
              SECRET         APP   LOGS IN  WEBHOOK  DIFFERS IN
would change  pay/database   pay   yes      error    host, password
ok            shop/database  shop  yes      right

webhook of pay: Heroku answers 403 Forbidden

The webhooks of pay, x are not right: until then a change may wait for a poll.
2 secrets: 1 would change, 1 ok. Nothing needs you: the next poll publishes
  what differs, unless the stack is paused.
`},
		{"a later poller", dryRun(novel), unwell, `
         SECRET        APP  LOGS IN  DIFFERS IN
UNKNOWN  new/database  new  –

1 secret: 1 UNKNOWN. 1 needs you: new/database.
`},
		{"nothing is bound", `{"dryRun":true,"bindings":0}`, well, `
No secret is bound: give one the tag heroku:app.
`},
		{"the CLI's own output follows", dryRun(shopOK) + "{\n    \"StatusCode\": 200,\n    \"ExecutedVersion\": \"$LATEST\"\n}\n", well, `
    SECRET         APP   LOGS IN  DIFFERS IN
ok  shop/database  shop  yes

The one secret is equal and logs in.
`},
		{"a name that is longer than its column", dryRun(shopOK, strings.Replace(blogOK, "blog/database", strings.Repeat("blog/", 10)+"database", 1)), well, `
    SECRET                                    APP            LOGS IN  DIFFERS IN
ok  blog/blog/blog/blog/blog/blog/blog/blog/blog/blog/database  blog READ_URL  yes
ok  shop/database                             shop           yes

All 2 secrets are equal and log in.
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := invoke(test.answer)
			golden(t, stdout, test.want)
			if stderr != "" || code != test.code {
				t.Errorf("exit code %d, want %d; stderr: %s", code, test.code, stderr)
			}
		})
	}
}

func TestWhatIsNoPlanIsExplained(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, input string
		code        int
		want        string
	}{
		{"nothing", "", misused, "stdin is empty"},
		{"no JSON", "An error occurred (AccessDeniedException)", misused, "no answer of the poller: invalid character 'A'"},
		{"half of it", dryRun(shopOK)[:99], misused, "no answer of the poller: unexpected EOF"},
		{"another shape", `{"dryRun":true,"plan":"none"}`, misused, "no answer of the poller"},
		{"null", `null`, misused, "no answer to a dry run"},
		{"the CLI's own output alone", `{"StatusCode":200}`, misused, "a redirection of /dev/stdout loses it"},
		{"a round", `{"dryRun":false,"bindings":1,"published":1}`, misused, "no answer to a dry run"},
		{"an older poller", `{"dryRun":true,"bindings":4,"unchanged":4}`, misused, "the poller is older"},
		{"a plan with holes", `{"dryRun":true,"bindings":4,"plan":[` + shopOK + `]}`, misused, "counts 4 bindings and its plan has 1"},
		{"a function error", `{"errorMessage":"listing the secrets\u001b[2J: denied","errorType":"wrapError"}`, unwell,
			"the poller failed: listing the secrets\uFFFD[2J: denied (wrapError)"},
		{"a timeout", `{"errorMessage":"Task timed out after 300.00 seconds"}`, unwell, "Task timed out after 300.00 seconds (no type given)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := invoke(test.input)
			if !strings.HasPrefix(stderr, "status: ") || !strings.Contains(stderr, test.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("stderr %q, want one line with %q", stderr, test.want)
			}
			if code != test.code || stdout != "" {
				t.Errorf("exit code %d, want %d; stdout: %s", code, test.code, stdout)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-nonsense"}, {"shop"}, {"-all=perhaps"}} {
		if stdout, stderr, code := invoke("", args...); stdout != "" || !strings.HasSuffix(stderr, usage) || code != misused {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	if stdout, stderr, code := invoke("", "-h"); stdout != usage || stderr != "" || code != well {
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
	if code := run(nil, keyboard, &stdout, &stderr); code != misused || stderr.String() != usage {
		t.Errorf("exit code %d, stderr %q", code, &stderr)
	}
}

func TestNoControlCharacterReachesTheTerminal(t *testing.T) {
	t.Parallel()
	const hostile = "a\x00\x07\x08\x1b[2J\x1b]0;owned\x07\r\n\tb\x7f\u0085\u009b31m\u2028\u200b\u202eevil\u2066\ufeff\xff"
	spell, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	bad := `{"app":S,"configVar":S,"secret":S,"outcome":O,"changes":[S],"logsIn":false,"error":S}`
	var plan []string
	for _, outcome := range []string{`"failed"`, `"held"`, `"published"`, `"off"`, "S"} {
		plan = append(plan, strings.ReplaceAll(strings.ReplaceAll(bad, "O", outcome), "S", string(spell)))
	}
	answer := strings.TrimSuffix(dryRun(plan...), "}") + strings.ReplaceAll(`,"subscriptions":[{"app":S,"state":S},{"app":S,"error":S}]}`, "S", string(spell))
	for _, input := range []string{answer, strings.ReplaceAll(`{"errorType":S,"errorMessage":S}`, "S", string(spell))} {
		stdout, stderr, code := invoke(input)
		if code != unwell {
			t.Errorf("exit code %d: %s", code, stderr)
		}
		for _, r := range stdout + stderr {
			if !unicode.IsPrint(r) && r != '\n' {
				t.Errorf("%U is printed", r)
			}
		}
	}
}

// many is an answer with n bindings of that kind.
func many(n int, kind string) string {
	plan := make([]string, n)
	for i := range plan {
		plan[i] = strings.ReplaceAll(kind, "%", fmt.Sprintf("app-%05d", i))
	}
	return dryRun(plan...)
}

func TestTenThousandBindingsFitOnAPage(t *testing.T) {
	t.Parallel()
	const (
		well   = `{"app":"%","configVar":"DATABASE_URL","secret":"%/database","outcome":"unchanged","logsIn":true}`
		same   = `{"app":"%","configVar":"DATABASE_URL","secret":"%/database","outcome":"failed","error":"app %, config var DATABASE_URL, secret %/database: Heroku refuses the API token"}`
		unlike = `{"app":"%","configVar":"DATABASE_URL","secret":"%/database","outcome":"failed","error":"no app %"}`
	)
	for _, test := range []struct {
		name, kind         string
		lines, all         int
		first, folded, end string
	}{
		{"equal", well, 44, 10003, "ok  app-00000/database  app-00000  yes",
			"ok  … and 9960 more (-all lists them)", "\n\nAll 10000 secrets are equal and log in.\n"},
		{"one error", same, 48, 10007, "FAILED  app-00000/database  app-00000  –",
			"FAILED  … and 9960 more (-all lists them)",
			"\n\napp-00000/database, app-00001/database, app-00002/database and 9997 more:\n  Heroku refuses the API token" +
				"\n\n10000 secrets: 10000 FAILED. 10000 need you: app-00000/database,\n  app-00001/database, app-00002/database and 9997 more.\n"},
		{"an error each", unlike, 127, 30004, "FAILED  app-00000/database  app-00000  –",
			"FAILED  … and 9960 more (-all lists them)",
			"\n\n… and 9960 more errors (-all lists them)" +
				"\n\n10000 secrets: 10000 FAILED. 10000 need you: app-00000/database,\n  app-00001/database, app-00002/database and 9997 more.\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer := many(10000, test.kind)
			stdout, _, _ := invoke(answer)
			if n := strings.Count(stdout, "\n"); n != test.lines {
				t.Errorf("%d lines, want %d", n, test.lines)
			}
			lines := strings.Split(stdout, "\n")
			if lines[1] != test.first || lines[1+fold] != test.folded || !strings.HasSuffix(stdout, test.end) {
				t.Errorf("line 1 %q, line %d %q, end\n%s", lines[1], 1+fold, lines[1+fold], strings.Join(lines[len(lines)-6:], "\n"))
			}
			if all, _, _ := invoke(answer, "-all"); strings.Count(all, "\n") != test.all || strings.Contains(all, "-all lists") {
				t.Errorf("-all: %d lines, want %d", strings.Count(all, "\n"), test.all)
			}
		})
	}
}

func TestTheFortyFirstLineIsFolded(t *testing.T) {
	t.Parallel()
	const kind = `{"app":"%","configVar":"DATABASE_URL","secret":"%","outcome":"off"}`
	for n, want := range map[int]bool{fold: false, fold + 1: true} {
		if stdout, _, _ := invoke(many(n, kind)); strings.Contains(stdout, "… and 1 more") != want {
			t.Errorf("%d bindings:\n%s", n, stdout)
		}
	}
}

func TestAParagraphBreaksBetweenWordsOnly(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	var out strings.Builder
	page{out: &out}.paragraph(strings.Repeat("während ", 30) + long + " und weiter")
	var words []string
	for line := range strings.Lines(out.String()) {
		words = append(words, strings.Fields(line)...)
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > paper && !strings.Contains(line, long) {
			t.Errorf("%d wide: %s", n, line)
		}
	}
	if len(words) != 33 || words[30] != long {
		t.Errorf("the words are not the same: %q", words)
	}
}

func TestColourMarksTheFirstWordAlone(t *testing.T) {
	t.Parallel()
	a, err := read(strings.NewReader(dryRun(broken, rotated, optedOut)))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	page{out: &out, colour: true}.table(a)
	golden(t, out.String(), `
              SECRET           APP   LOGS IN  DIFFERS IN
`+"\x1b[31mFAILED\x1b[0m        wiki/database    wiki  –\n"+
		"\x1b[33mwould change\x1b[0m  pay/database     pay   yes      host, password\n"+
		"\x1b[32moff\x1b[0m           museum/database  shop  –\n")
}

var port = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// The errors of a real login have a port that differs in length, so where they
// break is not part of the comparison.
func TestAStackOnThisMachineHasABindingInEachState(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := invoke("", "-local")
	if code != well {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	table, rest, _ := strings.Cut(stdout, "\n\n")
	golden(t, table, `
              SECRET           APP                 LOGS IN  WEBHOOK  DIFFERS IN
FAILED        wiki/database    shop                –        right
HELD          ledger/reports   ledger REPORTS_URL  no       right    password
NO LOGIN      forum/database   forum               no       right
would change  blog/database    blog                yes      missing  password
off           museum/database  museum              –        –
ok            shop/database    shop                yes      right`)
	rest = port.ReplaceAllString(strings.Join(strings.Fields(rest), " "), "ADDRESS")
	for _, want := range []string{
		`wiki/database: a tag makes no sense: tag heroku:format is "yaml"`,
		"ledger/reports: the candidate does not log in and the secret's value does: the server refuses the login (ADDRESS answers SQLSTATE 28P01)",
		"forum/database: the secret is equal to the config var, but it does not log in: the server refuses the login (ADDRESS answers SQLSTATE 28P01)",
		"The webhook of blog is not right",
		"6 secrets: 1 FAILED, 1 HELD, 1 NO LOGIN, 1 would change, 1 off, 1 ok. 3 need you: wiki/database, ledger/reports, forum/database.",
	} {
		if !strings.Contains(rest, want) {
			t.Errorf("below the table there is no %q:\n%s", want, rest)
		}
	}
}

package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestThePageOfAnAnswer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, answer, want string
	}{
		{"everything is well", dryRun(blogOK, shopOK), `
    SECRET         APP            LOGS IN  DIFFERS IN
ok  blog/database  blog READ_URL  yes
ok  shop/database  shop           yes

2 secrets: 2 ok. All are equal and log in.
`},
		{"one of each", dryRun(heldBack, blogOK, dead, later, optedOut, rotated, worthy, shopOK, broken), `
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

wiki/database: a tag is invalid: tag heroku:format is "yaml": it can be
  "json", "url" or "key"

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
			{"app":"shop","state":"right"},{"app":"pay","error":"Heroku answers 503"},{"app":"blog","state":"missing"},
			{"app":"a; rm","state":"wrong"},{"app":"wiki","state":"wrong"},{"app":"late","state":"unknown"},{"app":"crm","state":"doubled"}]}`, `
              SECRET         APP   LOGS IN  WEBHOOK  DIFFERS IN
would change  pay/database   pay   yes      error    host, password
ok            shop/database  shop  yes      right

webhook of pay: Heroku answers 503

Without exactly one right webhook: blog, a; rm, wiki and 1 more. While it is
  missing or wrong, only polls find a change. The poller repairs it within an
  hour, if the stack's token may write webhooks. This does it now, with your
  own Heroku login:
make subscribe APP=blog STACK=name
make subscribe APP=wiki STACK=name

Whether the webhook is right is unknown: pay, late. See yourself: heroku
  webhooks -a APP
2 secrets: 1 would change, 1 ok. No secret needs you: the next poll publishes
  what differs, unless the stack is paused. 4 webhooks need you.
`},
		{"credentials", dryRun(strings.Replace(shopOK, "{", `{"credential":"default",`, 1), strings.Replace(blogOK, "{", `{"credential":"named",`, 1), optedOut), `
     SECRET           APP            LOGS IN  CREDENTIAL  DIFFERS IN
off  museum/database  shop           –        –
ok   blog/database    blog READ_URL  yes      named
ok   shop/database    shop           yes      default

1 has its database's default credential: a rotation of it kills the old
  password at once. docs/consumers.md has the way to rotate without a lost
  query.
3 secrets: 1 off, 2 ok. Nothing needs you.
`},
		{"several config vars of one secret", dryRun(shopOK, keyRead, keyDB, keyCache, keyLog), `
              SECRET         APP                  LOGS IN  DIFFERS IN
FAILED        orders/app     orders LOG_URL       –
HELD          orders/app     orders CACHE_URL     no       key "cache", password
would change  orders/app     orders DATABASE_URL  yes      key "db", password
ok            orders/app     orders READ_URL      yes
ok            shop/database  shop                 yes

orders/app LOG_URL: the app has no such config var

orders/app CACHE_URL: the candidate does not log in and the secret's value
  does

5 bindings of 2 secrets: 1 FAILED, 1 HELD, 1 would change, 2 ok. 2 need you:
  orders/app LOG_URL, orders/app CACHE_URL.
`},
		{"one error of all config vars of a secret", dryRun(strings.ReplaceAll(keyLog, "LOG_URL", "DATABASE_URL"), keyLog), `
        SECRET      APP                  LOGS IN  DIFFERS IN
FAILED  orders/app  orders DATABASE_URL  –
FAILED  orders/app  orders LOG_URL       –

orders/app DATABASE_URL, orders/app LOG_URL: the app has no such config var

2 bindings of 1 secret: 2 FAILED. 2 need you: orders/app DATABASE_URL,
  orders/app LOG_URL.
`},
		{"one config var in the format key", dryRun(keyDB), `
              SECRET      APP     LOGS IN  DIFFERS IN
would change  orders/app  orders  yes      key "db", password

1 secret: 1 would change. Nothing needs you: the next poll publishes what
  differs, unless the stack is paused.
`},
		{"a later poller", dryRun(novel), `
         SECRET        APP  LOGS IN  DIFFERS IN
UNKNOWN  new/database  new  –

1 secret: 1 UNKNOWN. 1 needs you: new/database.
`},
		{"a name that is longer than its column", dryRun(shopOK, strings.Replace(blogOK, "blog/database", strings.Repeat("blog/", 10)+"database", 1)), `
    SECRET                                    APP            LOGS IN  DIFFERS IN
ok  blog/blog/blog/blog/blog/blog/blog/blog/blog/blog/database  blog READ_URL  yes
ok  shop/database                             shop           yes

2 secrets: 2 ok. All are equal and log in.
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, _ := invoke(test.answer)
			golden(t, stdout, test.want)
			if stderr != "" {
				t.Errorf("stderr: %s", stderr)
			}
		})
	}
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
			"ok  … and 9960 more (ALL=1 or -all lists them)", "\n\n10000 secrets: 10000 ok. All are equal and log in.\n"},
		{"one error", same, 48, 10007, "FAILED  app-00000/database  app-00000  –",
			"FAILED  … and 9960 more (ALL=1 or -all lists them)",
			"\n\napp-00000/database, app-00001/database, app-00002/database and 9997 more:\n  Heroku refuses the API token" +
				"\n\n10000 secrets: 10000 FAILED. 10000 need you: app-00000/database,\n  app-00001/database, app-00002/database and 9997 more.\n"},
		{"an error each", unlike, 127, 30004, "FAILED  app-00000/database  app-00000  –",
			"FAILED  … and 9960 more (ALL=1 or -all lists them)",
			"\n\n… and 9960 more errors (ALL=1 or -all lists them)" +
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

package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// invoke runs the program on an input.
func invoke(input string, args ...string) (stdout, stderr string, code int) {
	var out, complaint strings.Builder
	code = run(context.Background(), args, strings.NewReader(input), &out, &complaint)
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
	broken   = `{"app":"wiki","configVar":"DATABASE_URL","secret":"wiki/database","outcome":"failed","error":"app wiki, config var DATABASE_URL, secret wiki/database: a tag is invalid: tag heroku:format is \"yaml\": it can be \"json\", \"url\" or \"key\""}`
	later    = `{"app":"late","configVar":"DATABASE_URL","secret":"late/database","outcome":"deferred","error":"app late, config var DATABASE_URL, secret late/database: Heroku's rate limit is used up"}`
	optedOut = `{"app":"shop","configVar":"DATABASE_URL","secret":"museum/database","outcome":"off"}`
	keyDB    = `{"app":"orders","configVar":"DATABASE_URL","secret":"orders/app","outcome":"published","changes":["key db","password"],"logsIn":true}`
	keyRead  = `{"app":"orders","configVar":"READ_URL","secret":"orders/app","outcome":"unchanged","logsIn":true}`
	keyCache = `{"app":"orders","configVar":"CACHE_URL","secret":"orders/app","outcome":"held","changes":["key cache","password"],"logsIn":false,"error":"app orders, config var CACHE_URL, secret orders/app: the candidate does not log in and the secret's value does"}`
	keyLog   = `{"app":"orders","configVar":"LOG_URL","secret":"orders/app","outcome":"failed","error":"app orders, config var LOG_URL, secret orders/app: the app has no such config var"}`
	novel    = `{"app":"new","configVar":"DATABASE_URL","secret":"new/database","outcome":"transcended","aura":[1,{}]}`
)

// many is an answer with n bindings of that kind.
func many(n int, kind string) string {
	plan := make([]string, n)
	for i := range plan {
		plan[i] = strings.ReplaceAll(kind, "%", fmt.Sprintf("app-%05d", i))
	}
	return dryRun(plan...)
}

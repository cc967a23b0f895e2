package e2e_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keepcurrent.example/internal/test/runbook"
	"keepcurrent.example/internal/testserver/lambdatest"
	"keepcurrent.example/internal/testserver/stacktest"
)

var (
	quoted  = regexp.MustCompile(`"([^"]*)"`)
	pattern = regexp.MustCompile(`/([^/]+)/`)
	word    = regexp.MustCompile(`@?\b[A-Za-z]\w*`)
)

// ofLogsInsights are words of its query language. Fields that begin with @ are CloudWatch's
// own (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html).
var ofLogsInsights = strings.Fields("fields display filter parse sort desc asc limit dedup stats count sum avg min max by bin as in and or not like")

// A query for a field or a message that no line has finds nothing, and says nothing of it.
func TestTheRunbooksQueriesAskForWhatTheLogsHave(t *testing.T) {
	t.Parallel()
	page, err := runbook.Read("../../..")
	if err != nil {
		t.Fatal(err)
	}
	queries := runbook.Queries(page)
	if len(queries) < 8 {
		t.Fatalf("only %d queries were found", len(queries))
	}
	s := start(t, stacktest.Config{SelfSubscribe: true})
	s.put(stacktest.TokenSecret, s.Heroku.Authorize("read-protected"))
	app := s.Heroku.CreateApp("shop")
	s.Heroku.Provision(app, s.database())
	s.bind("shop", "shop/good", "heroku:format=url")
	s.bind("shop", "shop/failed", "heroku:config-var=NONE")
	app.Set("DOWN_URL", "postgres://u:pEXAMPLE@db.invalid/d")
	s.bind("shop", "shop/held", "heroku:config-var=DOWN_URL")
	for range 5 { // which the poller writes too often then
		s.put("shop/good", "postgres://u:pEXAMPLE@db.example/d")
		s.failingPoll()
	}
	s.announce(app)
	if status, _, err := s.Deliver(t.Context(), []byte("{}"), "application/json", strings.Repeat("A", 43)+"="); status != 401 {
		t.Fatalf("status %d, %v", status, err)
	}
	logged := linesOf(t, s.Poller, s.Webhook)
	s.put(stacktest.TokenSecret, "HRKU-EXAMPLE-revoked")
	s.must(s.Deploy(stacktest.Config{Functions: compiled, SelfSubscribe: true}))
	s.failingPoll()
	logged = append(logged, linesOf(t, s.Poller)...)
	has := func(isRight func(field, value string) bool) bool {
		return slices.ContainsFunc(logged, func(line map[string]any) bool {
			for field, value := range line {
				if text, _ := value.(string); isRight(field, text) {
					return true
				}
			}
			return false
		})
	}
	for _, query := range queries {
		values := quoted.FindAllStringSubmatch(query, -1)
		for _, value := range values {
			if value[1] != "REQUEST-ID" && !has(func(_, text string) bool { return text == value[1] }) {
				t.Errorf("no line of the logs has %q\n%s", value[1], query)
			}
		}
		names := pattern.ReplaceAllString(quoted.ReplaceAllString(query, ""), "")
		for _, name := range word.FindAllString(names, -1) {
			if name[0] != '@' && !slices.Contains(ofLogsInsights, name) && !has(func(field, _ string) bool { return field == name }) {
				t.Errorf("no line of the logs has the field %s\n%s", name, query)
			}
		}
		for _, text := range pattern.FindAllStringSubmatch(query, -1) {
			if strings.Contains(query, "error like") && !has(func(field, value string) bool {
				return field == "error" && regexp.MustCompile(text[1]).MatchString(value)
			}) {
				t.Errorf("no error is like %s\n%s", text[1], query)
			}
		}
	}
}

// linesOf returns the lines in JSON that functions have logged.
func linesOf(t *testing.T, functions ...*lambdatest.Function) (all []map[string]any) {
	t.Helper()
	for _, f := range functions {
		for line := range strings.Lines(string(f.Logs())) {
			var fields map[string]any
			if json.Unmarshal([]byte(line), &fields) == nil {
				all = append(all, fields)
			}
		}
	}
	return all
}

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestTheVerdictIsTheLastParagraphAndTheExitCode(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, answer string
		code         int
		want         string
	}{
		{"nothing is bound", `{"dryRun":true,"bindings":0}`, 0, "No secret is bound: give one the tag heroku:app."},
		{"one is equal", dryRun(shopOK), 0, "1 secret: 1 ok. All are equal and log in."},
		{"one is equal and not tried", dryRun(untried), 0, "1 secret: 1 ok. All are equal; for 1 no login was tried."},
		{"all are equal", dryRun(blogOK, shopOK), 0, "2 secrets: 2 ok. All are equal and log in."},
		{"one of two is not tried", dryRun(untried, shopOK), 0, "2 secrets: 2 ok. All are equal; for 1 no login was tried."},
		{"two of three are not tried", dryRun(untried, strings.ReplaceAll(untried, "crm", "erp"), shopOK), 0, "3 secrets: 3 ok. All are equal; for 2 no login was tried."},
		{"one is off", dryRun(optedOut, shopOK), 0, "2 secrets: 1 off, 1 ok. Nothing needs you."},
		{"two differ", dryRun(filled, rotated, shopOK), 0,
			"3 secrets: 2 would change, 1 ok. Nothing needs you: the next poll publishes\n  what differs, unless the stack is paused."},
		{"one is deferred", dryRun(later, rotated), 1,
			"2 secrets: 1 deferred, 1 would change. What is deferred was not checked: ask\n  again later."},
		{"one needs you", dryRun(broken, shopOK), 1, "2 secrets: 1 FAILED, 1 ok. 1 needs you: wiki/database."},
		{"four need you", dryRun(heldBack, dead, worthy, broken), 1,
			"4 secrets: 1 FAILED, 1 HELD, 2 NO LOGIN. 4 need you: wiki/database,\n  ads/database, old/database and 1 more."},
		{"two of one secret differ", dryRun(keyDB, strings.ReplaceAll(keyDB, "DATABASE", "CACHE"), shopOK), 0,
			"3 bindings of 2 secrets: 2 would change, 1 ok. Nothing needs you: the next\n  poll publishes what differs, unless the stack is paused."},
		{"a webhook is missing", strings.TrimSuffix(dryRun(shopOK), "}") + `,"subscriptions":[{"app":"shop","state":"missing"}]}`, 1,
			"1 secret: 1 ok. All are equal and log in. 1 webhook needs you."},
		{"a webhook is unknown", strings.TrimSuffix(dryRun(shopOK), "}") + `,"subscriptions":[{"app":"shop","state":"unknown"}]}`, 0,
			"Whether the webhook is right is unknown: shop. See yourself: heroku webhooks\n  -a APP\n1 secret: 1 ok. All are equal and log in."},
		{"a later poller", dryRun(novel), 1, "1 secret: 1 UNKNOWN. 1 needs you: new/database."},
		{"the CLI's own output follows", dryRun(shopOK) + "{\n    \"StatusCode\": 200\n}\n", 0, "1 secret: 1 ok. All are equal and log in."},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := invoke(test.answer)
			paragraphs := strings.Split("\n"+stdout, "\n\n")
			if last := strings.TrimSpace(paragraphs[len(paragraphs)-1]); last != test.want {
				t.Errorf("got\n%s\nwant\n%s", last, test.want)
			}
			if stderr != "" || code != test.code {
				t.Errorf("exit code %d, want %d; stderr: %s", code, test.code, stderr)
			}
		})
	}
}

// The size of the poller's answer is limited, and the number of bindings is not.
func TestWhatTheAnswerLeavesOutIsSaid(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, leftOut string
		plan          []string
		code          int
		want, claims  string
	}{
		{"secrets that need no person", `{"plan":3}`, []string{shopOK, blogOK}, 0,
			"The poller's answer has no space for 3 secrets. It names first what needs you. 2 of 5 secrets: 2 ok. Nothing needs you.", "All"},
		{"one secret beside one that needs you", `{"plan":1}`, []string{broken, shopOK}, 1,
			"The poller's answer has no space for 1 secret. It", "At least"},
		{"perhaps some that need you", `{"plan":1,"subscriptions":2}`, []string{broken, heldBack}, 1,
			"no space for 1 secret and 2 webhooks. It names first what needs you. 2 of 3 secrets: 1 FAILED, 1 HELD. At least 2 need you: wiki/database, ads/database.", "All"},
		{"bindings of one secret", `{"plan":4}`, []string{keyDB, keyRead}, 0,
			"no space for 4 bindings. It names first what needs you. 2 of 6 bindings: 1 would change, 1 ok. Nothing", "secrets"},
		{"webhooks only", `{"subscriptions":1}`, []string{shopOK}, 0,
			"The poller's answer has no space for 1 webhook. It names first what needs you. 1 secret: 1 ok. All are equal and log in.", "of 1 secrets"},
		{"lists of a round", `{"changes":7,"problems":9}`, []string{shopOK}, 0, "1 secret: 1 ok. All are equal and log in.", "no space"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var left map[string]int
			if err := json.Unmarshal([]byte(tt.leftOut), &left); err != nil {
				t.Fatal(err)
			}
			input := fmt.Sprintf(`{"dryRun":true,"bindings":%d,"plan":[%s],"leftOut":%s}`, len(tt.plan)+left["plan"], strings.Join(tt.plan, ","), tt.leftOut)
			stdout, stderr, code := invoke(input)
			words := strings.Join(strings.Fields(stdout), " ")
			if code != tt.code || !strings.Contains(words, tt.want) || strings.Contains(words, tt.claims) {
				t.Errorf("exit code %d, want %d: %s%s", code, tt.code, words, stderr)
			}
		})
	}
}

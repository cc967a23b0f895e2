package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page is docs/live.md.
func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/live.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestThePageSaysWhatEachCheckMeans(t *testing.T) {
	t.Parallel()
	text := page(t)
	var named []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(text, -1) {
		named = append(named, row[1])
	}
	if want := strings.Fields(names(checks)); !slices.Equal(named, want) {
		t.Errorf("the page has the checks %v, want %v", named, want)
	}
}

// allowed are the actions of the policy that the page gives.
func allowed(t *testing.T) (actions []string) {
	t.Helper()
	_, policy, _ := strings.Cut(page(t), "```json\n")
	policy, _, _ = strings.Cut(policy, "```")
	var document struct{ Statement []struct{ Action any } }
	if err := json.Unmarshal([]byte(policy), &document); err != nil {
		t.Fatal(err)
	}
	for _, s := range document.Statement {
		switch action := s.Action.(type) {
		case string:
			actions = append(actions, action)
		case []any:
			for _, a := range action {
				actions = append(actions, a.(string))
			}
		}
	}
	return actions
}

// permits fails the test if a call of Secrets Manager is not in the page's policy.
func permits(t *testing.T, calls map[string]int) {
	t.Helper()
	actions := allowed(t)
	for call := range calls {
		if !slices.Contains(actions, "secretsmanager:"+call) {
			t.Errorf("the policy of docs/live.md does not allow secretsmanager:%s", call)
		}
	}
	for _, action := range actions {
		if call, ours := strings.CutPrefix(action, "secretsmanager:"); ours && calls[call] == 0 {
			t.Errorf("the policy of docs/live.md allows %s, which nothing needs", action)
		}
	}
}

func TestTheAlarmsAreThoseOfTheTemplate(t *testing.T) {
	t.Parallel()
	template, err := os.ReadFile("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, alarm := range regexp.MustCompile(`(?m)^  (\w+):\n    Type: AWS::CloudWatch::Alarm\n    Properties`).FindAllSubmatch(template, -1) {
		named = append(named, string(alarm[1]))
	}
	slices.Sort(named)
	if !slices.Equal(named, alarmNames) {
		t.Errorf("every stack has %v, and the drill looks for %v", named, alarmNames)
	}
}

package template_test

import (
	"slices"
	"testing"
)

const (
	boundSecret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:heroku/shop/DATABASE_URL-AbCd12"
	givenSecret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-EfGh34"
)

// matches applies an event pattern as EventBridge does, for patterns that have only lists
// of values: each key must be in the event with one of the values, or, if the event has a
// list, with one value in common
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html).
func matches(pattern tree, event map[string]any, resolve func(string) string) bool {
	for key, want := range pattern.entries() {
		switch got := event[key].(type) {
		case map[string]any:
			if !matches(want, got, resolve) {
				return false
			}
		case []string:
			if !slices.ContainsFunc(want.items(), func(value tree) bool { return slices.Contains(got, resolve(value.text())) }) {
				return false
			}
		case string:
			if !slices.ContainsFunc(want.items(), func(value tree) bool { return resolve(value.text()) == got }) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// labelMoved is the event of Secrets Manager's documentation
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html).
func labelMoved(secret, label string) map[string]any {
	return map[string]any{
		"version":     "0",
		"id":          "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
		"detail-type": "Secret Label Updated",
		"source":      "aws.secretsmanager",
		"account":     "123456789012",
		"time":        "2026-11-21T10:15:00Z",
		"region":      "eu-west-1",
		"resources":   []string{secret},
		"detail":      map[string]any{"name": "shop", "labelUpdated": label, "versionId": "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"},
	}
}

func TestOnlyANewValueOfTheSecretRestarts(t *testing.T) {
	t.Parallel()
	pattern := load(t).at("Resources", "RestartRule", "Properties", "EventPattern")
	mustBe(t, "the pattern", pattern.flat(), "detail labelUpdated [AWSCURRENT], detail-type [Secret Label Updated], "+
		"resources [!If [RestartOnGiven, !Ref RestartOnSecretArn, !Ref BoundSecret]], source [aws.secretsmanager]")
	otherType := labelMoved(boundSecret, "AWSCURRENT")
	otherType["detail-type"] = "AWS API Call via CloudTrail"
	otherSource := labelMoved(boundSecret, "AWSCURRENT")
	otherSource["source"] = "shop"
	for name, tt := range map[string]struct {
		given bool // RestartOnSecretArn
		event map[string]any
		want  bool
	}{
		"a new value":                     {false, labelMoved(boundSecret, "AWSCURRENT"), true},
		"a candidate":                     {false, labelMoved(boundSecret, "HEROKU_CANDIDATE"), false},
		"another secret":                  {false, labelMoved(givenSecret, "AWSCURRENT"), false},
		"another kind of event":           {false, otherType, false},
		"another source":                  {false, otherSource, false},
		"a new value of the given secret": {true, labelMoved(givenSecret, "AWSCURRENT"), true},
		"a candidate of the given secret": {true, labelMoved(givenSecret, "HEROKU_CANDIDATE"), false},
		"the stack's, with one given":     {true, labelMoved(boundSecret, "AWSCURRENT"), false},
	} {
		resolve := func(text string) string {
			switch {
			case text != "!If [RestartOnGiven, !Ref RestartOnSecretArn, !Ref BoundSecret]":
				return text
			case tt.given:
				return givenSecret
			}
			return boundSecret
		}
		if got := matches(pattern, tt.event, resolve); got != tt.want {
			t.Errorf("%s: it restarts: %t", name, got)
		}
	}
}

func TestRestartIsOneForcedDeploymentOfTheService(t *testing.T) {
	t.Parallel()
	template := load(t)
	target := template.at("Resources", "RestartRule", "Properties", "Targets")
	if n := len(target.items()); n != 1 {
		t.Fatalf("the rule has %d targets", n)
	}
	mustBe(t, "the target", target.items()[0].flat(), "Arn !Ref RestartMachine, Id restart, RoleArn !GetAtt RestartRuleRole.Arn")
	machine := template.at("Resources", "RestartMachine", "Properties")
	mustBe(t, "the machine's role", machine.at("RoleArn").text(), "!GetAtt RestartMachineRole.Arn")
	mustBe(t, "its type", machine.at("StateMachineType").text(), "STANDARD")
	states := machine.at("Definition", "States").entries()
	if len(states) != 1 {
		t.Fatalf("it has %d states", len(states))
	}
	mustBe(t, "the first state", machine.at("Definition", "StartAt").text(), "Restart")
	state := states["Restart"]
	mustBe(t, "the call", state.at("Resource").text(), "!Sub arn:${AWS::Partition}:states:::aws-sdk:ecs:updateService")
	mustBe(t, "its parameters", state.at("Parameters").flat(), "Cluster !Ref RestartEcsCluster, ForceNewDeployment true, Service !Ref RestartEcsService")
	mustBe(t, "its type", state.at("Type").text(), "Task")
	mustBe(t, "its end", state.at("End").text(), "true")
	retries := state.at("Retry").items()
	if len(retries) != 1 {
		t.Fatalf("it has %d ways to try again", len(retries))
	}
	mustBe(t, "the retry", retries[0].flat(), "BackoffRate 2, ErrorEquals [States.ALL], IntervalSeconds 5, MaxAttempts 6")
}

func TestRestartNeedsAServiceAndASecret(t *testing.T) {
	t.Parallel()
	template := load(t)
	condition := template.at("Conditions", "Restart")
	mustBe(t, "what it needs", condition.text(), "!And [!Not [!Equals [!Ref RestartEcsCluster, ]], !Not [!Equals [!Ref RestartEcsService, ]], !Or [, ]]")
	var either []string
	for _, part := range condition.items()[2].items() {
		either = append(either, part.at("Condition").text())
	}
	mustBeSet(t, "the secret", either, []string{"RestartOnGiven", "MakeBoundSecret"})
	for _, id := range []string{"RestartRule", "RestartRuleRole", "RestartMachine", "RestartMachineRole", "RestartFailed"} {
		mustBe(t, id, template.at("Resources", id, "Condition").text(), "Restart")
	}
	mustBe(t, "the output", template.at("Outputs", "Restarts", "Condition").text(), "Restart")
}

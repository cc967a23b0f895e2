package template_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// called is the event in the message of events/webhook-refused.json.
func called(t *testing.T) (event map[string]any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "events", "webhook-refused.json"))
	if err != nil {
		t.Fatal(err)
	}
	var batch events.SQSEvent
	if err := json.Unmarshal(text, &batch); err != nil || len(batch.Records) != 1 {
		t.Fatalf("%d messages, %v", len(batch.Records), err)
	}
	if err := json.Unmarshal([]byte(batch.Records[0].Body), &event); err != nil {
		t.Fatal(err)
	}
	return event
}

func TestTheRuleTakesTheCallsOfConsumersAndNothingElse(t *testing.T) {
	t.Parallel()
	rule := load(t).at("Resources", "CallRule", "Properties")
	mustBe(t, "the pattern", rule.at("EventPattern").flat(), "detail-type [Credential Refused], source [keepcurrent.consumer]")
	if rule.at("EventBusName").node != nil {
		t.Error("the rule is not on the default bus")
	}
	for name, change := range map[string]func(event map[string]any){
		"the example":    func(map[string]any) {},
		"another source": func(event map[string]any) { event["source"] = "keepcurrent.consumers" },
		"another type":   func(event map[string]any) { event["detail-type"] = "credential refused" },
		"no source":      func(event map[string]any) { delete(event, "source") },
	} {
		event := called(t)
		change(event)
		if got := matches(rule.at("EventPattern"), event, func(text string) string { return text }); got != (name == "the example") {
			t.Errorf("%s: the rule takes it: %t", name, got)
		}
	}
	targets := rule.at("Targets").items()
	if len(targets) != 1 {
		t.Fatalf("the rule has %d targets", len(targets))
	}
	mustBe(t, "the target", targets[0].flat(), "Arn !GetAtt CallQueue.Arn, Id queue, RetryPolicy MaximumEventAgeInSeconds 60")
}

func TestPolicyOfTheQueueLetsTheRuleAloneSend(t *testing.T) {
	t.Parallel()
	policy := load(t).at("Resources", "CallQueuePolicy", "Properties")
	mustBeStatements(t, "the queue's policy", statements(policy), []statement{{
		effect: "Allow", who: "Service events.amazonaws.com", actions: []string{"sqs:SendMessage"}, resources: []string{"!GetAtt CallQueue.Arn"},
		condition: "ArnEquals aws:SourceArn !GetAtt CallRule.Arn",
	}})
	mustBe(t, "its queues", policy.at("Queues").text(), "[!Ref CallQueue]")
}

func TestTheQueueForgetsCallsSoonAndGivesLambdaTheTimeItWants(t *testing.T) {
	t.Parallel()
	template := load(t)
	// Without DelaySeconds, which would be a part of the outage; without a KMS key, to which
	// EventBridge would need a right; and without a queue for dead letters.
	mustBe(t, "the queue", template.at("Resources", "CallQueue", "Properties").flat(),
		"MessageRetentionPeriod 60, SqsManagedSseEnabled true, VisibilityTimeout 168")
	// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
	visible := number(t, template.at("Resources", "CallQueue", "Properties", "VisibilityTimeout").text())
	if timeout := number(t, property(template, "WebhookFunction", "Timeout").text()); visible < 6*timeout {
		t.Errorf("a message is seen again after %d s, and the function may take %d s", visible, timeout)
	}
}

func TestCallsOfConsumersLeaveRunsToHeroku(t *testing.T) {
	t.Parallel()
	webhook := load(t).at("Resources", "WebhookFunction", "Properties")
	source := webhook.at("Events", "Consumers", "Properties")
	mustBe(t, "the source", source.flat(),
		"BatchSize 10, MaximumBatchingWindowInSeconds 0, Queue !GetAtt CallQueue.Arn, ScalingConfig MaximumConcurrency 2")
	reserved := number(t, webhook.at("ReservedConcurrentExecutions").items()[1].text())
	if most := number(t, source.at("ScalingConfig", "MaximumConcurrency").text()); reserved-most < 8 {
		t.Errorf("%d of %d reserved runs can be calls of consumers", most, reserved)
	}
}

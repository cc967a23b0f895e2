package template_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

const (
	token       = "!If [MakeTokenSecret, !Ref TokenSecret, !Ref TokenSecretArn]"
	moreSecrets = "!Ref MoreSecretArns"
	signingKey  = "!Ref SigningKey"
	anySecret   = "!Sub arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:*"
	underTag    = "StringLike aws:ResourceTag/heroku:app ?*" // "*" matches an empty tag, too
)

// statement is one statement of a policy.
type statement struct {
	when               string // the condition of the template that brings it in, "" for always
	effect             string
	who                string // in a policy of a resource
	actions, resources []string
	condition          string
}

func (s statement) String() string {
	text := fmt.Sprintf("%s %s %q on %q", s.effect, s.who, s.actions, s.resources)
	if s.condition != "" {
		text += " if " + s.condition
	}
	if s.when != "" {
		text += " when " + s.when
	}
	return text
}

// statements returns all statements in a part of the template.
func statements(part tree) []statement {
	var found []statement
	part.walkIf("", func(m tree, when string) {
		if m.at("Effect").node == nil {
			return
		}
		found = append(found, statement{
			when:      when,
			effect:    m.at("Effect").text(),
			who:       m.at("Principal").flat(),
			actions:   m.at("Action").texts(),
			resources: m.at("Resource").texts(),
			condition: m.at("Condition").flat(),
		})
	})
	return found
}

// granted are the statements of a role's policies.
func granted(role tree) []statement { return statements(role.at("Properties", "Policies")) }

// allowed is what any role may do.
func allowed(template tree) []statement {
	var all []statement
	for _, role := range resources(template, "AWS::IAM::Role") {
		all = append(all, granted(role)...)
	}
	return slices.DeleteFunc(all, func(s statement) bool { return s.effect != "Allow" })
}

func mustBeStatements(t *testing.T, what string, got, want []statement) {
	t.Helper()
	var gotText, wantText []string
	for _, s := range got {
		gotText = append(gotText, s.String())
	}
	for _, s := range want {
		wantText = append(wantText, s.String())
	}
	mustBeSet(t, what, gotText, wantText)
}

func TestPolicyOfEachRoleIsExactlyThis(t *testing.T) {
	t.Parallel()
	var (
		read  = []string{"secretsmanager:GetSecretValue"}
		write = []string{"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"}
		// What Lambda needs: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
		interfaces = []string{
			"ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
			"ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
		}
	)
	roles := map[string][]statement{
		"Role": {
			{effect: "Allow", actions: []string{"secretsmanager:DescribeSecret", "secretsmanager:ListSecrets"}, resources: []string{"*"}},
			// With OnlyTag it is a text, which the test of the rights reads.
			{effect: "Allow", actions: slices.Concat(read, write), resources: []string{anySecret}, condition: underTag, when: "not OnlyTagged"},
			{effect: "Allow", actions: read, resources: []string{token, signingKey}},
			{effect: "Deny", actions: write, resources: []string{token, signingKey}},
			{effect: "Allow", actions: read, resources: []string{moreSecrets}, when: "MoreSecrets"},
			{effect: "Deny", actions: write, resources: []string{moreSecrets}, when: "MoreSecrets"},
			{
				effect: "Allow", actions: []string{"kms:Decrypt", "kms:GenerateDataKey"}, resources: []string{"!Ref KmsKeyArn"},
				condition: "StringEquals kms:ViaService [!Sub secretsmanager.${AWS::Region}.amazonaws.com, !Sub secretsmanager.${AWS::Region}.${AWS::URLSuffix}]",
				when:      "OwnKey",
			},
			{
				effect: "Allow", actions: []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
				resources: []string{"!GetAtt CallQueue.Arn"},
			},
			{
				effect: "Allow", actions: []string{"logs:CreateLogStream", "logs:PutLogEvents"},
				resources: []string{"!GetAtt WebhookLogs.Arn", "!GetAtt PollerLogs.Arn"},
			},
			{effect: "Allow", actions: interfaces, resources: []string{"*"}, when: "InVpc"},
			{
				effect: "Deny", actions: interfaces, resources: []string{"*"}, when: "InVpc",
				condition: "ArnLike lambda:SourceFunctionArn !Sub arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:*",
			},
			{effect: "Allow", actions: []string{"xray:PutTraceSegments", "xray:PutTelemetryRecords"}, resources: []string{"*"}, when: "Trace"},
		},
		"RestartRuleRole": {
			{effect: "Allow", actions: []string{"states:StartExecution"}, resources: []string{"!Ref RestartMachine"}},
		},
		"RestartMachineRole": {
			{
				effect: "Allow", actions: []string{"ecs:UpdateService"},
				resources: []string{"!Sub arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:service/${RestartEcsCluster}/${RestartEcsService}"},
			},
		},
	}
	found := resources(load(t), "AWS::IAM::Role")
	mustBeSet(t, "the roles", slices.Collect(maps.Keys(found)), slices.Collect(maps.Keys(roles)))
	for id, want := range roles {
		mustBeStatements(t, id, granted(found[id]), want)
	}
}

// A reader that keeps the secret describes it first, to see whether it must read it again:
// AWS's CSI driver in every round but the first one, and its cache for Go in each.
func TestPolicyOfAReaderAllowsToDescribeTheSecret(t *testing.T) {
	t.Parallel()
	output := load(t).at("Outputs", "ReaderPolicy")
	mustBe(t, "the condition", output.at("Condition").text(), "MakeBoundSecret")
	parts := output.at("Value").items()
	if len(parts) != 2 {
		t.Fatalf("it has %d parts", len(parts))
	}
	ownKey := parts[1].at("Key").items()
	if len(ownKey) != 3 || ownKey[0].text() != "OwnKey" || ownKey[2].text() != "" {
		t.Fatalf("the key's statement is %s", parts[1].at("Key").text())
	}
	const reads = "[secretsmanager:GetSecretValue secretsmanager:DescribeSecret] on SECRET; "
	mustBe(t, "the key", ownKey[1].items()[1].at("First").text(), "!Select [0, !Ref KmsKeyArn]")
	for key, want := range map[string]string{"": reads, ownKey[1].items()[0].node.Value: reads + "kms:Decrypt on KEY; "} {
		text := strings.NewReplacer("${BoundSecret}", "SECRET", "${Key}", strings.Replace(key, "${First}", "KEY", 1)).Replace(parts[0].node.Value)
		var policy struct {
			Version   string
			Statement []struct {
				Effect           string
				Action, Resource any
			}
		}
		if err := json.Unmarshal([]byte(text), &policy); err != nil || policy.Version != "2012-10-17" {
			t.Fatalf("%v: %s", err, text)
		}
		got := ""
		for _, s := range policy.Statement {
			mustBe(t, "the effect", s.Effect, "Allow")
			got += fmt.Sprint(s.Action, " on ", s.Resource, "; ")
		}
		mustBe(t, "the policy", got, want)
	}
}

func TestPolicyOfTrustNamesOneServiceForEachRole(t *testing.T) {
	t.Parallel()
	for id, service := range map[string]string{"Role": "lambda", "RestartRuleRole": "events", "RestartMachineRole": "states"} {
		trust := load(t).at("Resources", id, "Properties", "AssumeRolePolicyDocument")
		mustBeStatements(t, "trust of "+id, statements(trust), []statement{
			{effect: "Allow", who: "Service " + service + ".amazonaws.com", actions: []string{"sts:AssumeRole"}},
		})
	}
}

// The following tests do not use the table above, so they still fail if both the template
// and the table are changed.
func TestPolicyHasNoWildcardAction(t *testing.T) {
	t.Parallel()
	for _, s := range statements(load(t)) {
		if len(s.actions) == 0 || (len(s.resources) == 0 && s.who == "") {
			t.Errorf("%s: it says what is allowed by NotAction or NotResource", s)
		}
		for _, action := range s.actions {
			if strings.ContainsAny(action, "*?") {
				t.Errorf("%s: %s", s, action)
			}
		}
	}
}

func TestPolicyCannotDeleteCreateTagRestoreOrRotateSecrets(t *testing.T) {
	t.Parallel()
	harmless := []string{"logs:CreateLogStream", "sqs:DeleteMessage", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"}
	for _, s := range allowed(load(t)) {
		for _, action := range s.actions {
			for _, verb := range []string{"Delete", "Create", "Tag", "Untag", "Restore", "Rotate", "Policy"} {
				if strings.Contains(action, verb) && !slices.Contains(harmless, action) {
					t.Errorf("%s: %s", s, action)
				}
			}
		}
	}
}

func TestPolicyReachesSecretsUnderTheirTagOrReadsTheStacksOwn(t *testing.T) {
	t.Parallel()
	own := map[string]string{} // the resource, and when
	denied := map[string]string{}
	for _, s := range statements(load(t)) {
		for _, action := range s.actions {
			switch {
			case !strings.HasPrefix(action, "secretsmanager:"), action == "secretsmanager:DescribeSecret", action == "secretsmanager:ListSecrets":
			case s.effect == "Deny":
				for _, r := range s.resources {
					denied[r] = s.when
				}
			case s.condition == underTag:
			case action != "secretsmanager:GetSecretValue":
				t.Errorf("%s: without the tag", s)
			default:
				for _, r := range s.resources {
					own[r] = s.when
				}
			}
		}
	}
	// A tag on the whole stack must not make the stack's own secrets writable.
	if len(own) == 0 || !maps.Equal(own, denied) {
		t.Errorf("to be read without the tag: %q; never to be written: %q", own, denied)
	}
}

func TestPolicyIsWrittenOutInRoles(t *testing.T) {
	t.Parallel()
	template := load(t)
	template.walk(func(m tree) {
		if m.at("ManagedPolicyArns").node != nil {
			t.Error("a role has a managed policy, which these tests cannot read")
		}
	})
	for id, resource := range template.at("Resources").entries() {
		kind := resource.at("Type").text()
		if kind != "AWS::IAM::Role" && id != "AlarmTopicPolicy" && id != "CallQueuePolicy" && (len(statements(resource)) > 0 || strings.HasPrefix(kind, "AWS::IAM::")) {
			t.Errorf("%s is an %s with a policy that no test reads", id, kind)
		}
	}
	for id, function := range resources(template, "AWS::Serverless::Function") {
		mustBe(t, "role of "+id, function.at("Properties", "Role").text(), "!GetAtt Role.Arn")
		if function.at("Properties", "Policies").node != nil {
			t.Errorf("%s has policies beside its role's", id)
		}
	}
}

// Keeping one key of a secret reads the others first, and needs no right that keeping a
// whole value does not need.
func TestPolicyForOneKeyOfASecretIsThatForAWholeValue(t *testing.T) {
	t.Parallel()
	var everywhere, bound []string
	for _, s := range granted(load(t).at("Resources", "Role")) {
		if s.effect != "Allow" {
			continue
		}
		for _, action := range s.actions {
			if strings.HasPrefix(action, "secretsmanager:") && !slices.Contains(everywhere, action) {
				everywhere = append(everywhere, action)
			}
		}
		if s.condition == underTag && s.when == "not OnlyTagged" {
			bound = append(bound, s.actions...)
		}
	}
	onBound := []string{"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"}
	mustBeSet(t, "what may be done to a bound secret", bound, onBound)
	mustBeSet(t, "what may be done to any secret", everywhere, append(onBound, "secretsmanager:DescribeSecret", "secretsmanager:ListSecrets"))
}

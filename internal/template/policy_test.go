package template_test

import (
	"slices"
	"strings"
	"testing"
)

const (
	token      = "!If [MakeTokenSecret, !Ref TokenSecret, !Ref TokenSecretArn]"
	signingKey = "!Ref SigningKey"
	anySecret  = "!Sub arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:*"
)

// statement is one statement of a policy, wherever in the template it stands.
type statement struct {
	sid, effect        string
	actions, resources []string
	condition          tree
}

// statements leaves out who may assume a role: these have a Principal.
func statements(template tree) []statement {
	var found []statement
	template.walk(func(m tree) {
		if m.at("Effect").node == nil || m.at("Principal").node != nil {
			return
		}
		found = append(found, statement{
			sid:       m.at("Sid").text(),
			effect:    m.at("Effect").text(),
			actions:   m.at("Action").texts(),
			resources: m.at("Resource").texts(),
			condition: m.at("Condition"),
		})
	})
	return found
}

// about tells whether all actions are of a service.
func (s statement) about(service string) bool {
	return !slices.ContainsFunc(s.actions, func(action string) bool { return !strings.HasPrefix(action, service+":") })
}

func allowed(template tree) []statement {
	return slices.DeleteFunc(statements(template), func(s statement) bool { return s.effect != "Allow" })
}

func TestPolicyAllowsNoMoreThanTheWorkNeeds(t *testing.T) {
	t.Parallel()
	var actions []string
	for _, s := range allowed(load(t)) {
		actions = append(actions, s.actions...)
		if len(s.actions) == 0 || len(s.resources) == 0 {
			t.Errorf("%s says what is allowed by NotAction or NotResource", s.sid)
		}
	}
	slices.Sort(actions)
	mustBeSet(t, "the allowed actions", slices.Compact(actions), []string{
		"logs:CreateLogStream",
		"logs:PutLogEvents",
		"secretsmanager:DescribeSecret",
		"secretsmanager:GetSecretValue",
		"secretsmanager:ListSecrets",
		"secretsmanager:PutSecretValue",
		"secretsmanager:UpdateSecretVersionStage",
	})
}

func TestPolicyHasNoWildcardAction(t *testing.T) {
	t.Parallel()
	for _, s := range statements(load(t)) {
		for _, action := range s.actions {
			if strings.ContainsAny(action, "*?") {
				t.Errorf("%s: %s", s.sid, action)
			}
		}
	}
}

func TestPolicyCannotDeleteCreateTagRestoreOrRotateSecrets(t *testing.T) {
	t.Parallel()
	for _, s := range allowed(load(t)) {
		for _, action := range s.actions {
			for _, verb := range []string{"Delete", "Create", "Tag", "Untag", "Restore", "Rotate", "Policy"} {
				if strings.Contains(action, verb) && action != "logs:CreateLogStream" {
					t.Errorf("%s: %s", s.sid, action)
				}
			}
		}
	}
}

// looks tells whether a statement allows no more than to see that a secret exists,
// and its tags.
func (s statement) looks() bool {
	return slices.Equal(s.actions, []string{"secretsmanager:DescribeSecret", "secretsmanager:ListSecrets"})
}

func TestPolicyGivesEveryResourceOnlyToALook(t *testing.T) {
	t.Parallel()
	for _, s := range allowed(load(t)) {
		if everything := slices.Contains(s.resources, "*"); everything != s.looks() {
			t.Errorf("%s: %q on %q", s.sid, s.actions, s.resources)
		}
	}
}

func TestPolicyReachesOtherSecretsOnlyUnderTheirTag(t *testing.T) {
	t.Parallel()
	bound := 0
	for _, s := range allowed(load(t)) {
		switch {
		case s.about("logs") || s.looks():
		case s.condition.node == nil:
			mustBeSet(t, "allowed without the tag", s.actions, []string{"secretsmanager:GetSecretValue"})
			mustBeSet(t, "to be read without the tag", s.resources, []string{token, signingKey})
		default:
			bound++
			mustBe(t, "the secrets under the tag", strings.Join(s.resources, ", "), anySecret)
			mustBe(t, "the tag", s.condition.at("StringLike", "aws:ResourceTag/heroku:app").text(), "*")
		}
	}
	if bound != 1 {
		t.Errorf("%d statements are about bound secrets", bound)
	}
}

func TestPolicyNeverWritesTheTokenOrTheSigningKey(t *testing.T) {
	t.Parallel()
	denied := slices.DeleteFunc(statements(load(t)), func(s statement) bool { return s.effect != "Deny" })
	if len(denied) != 1 {
		t.Fatalf("%d statements deny", len(denied))
	}
	mustBeSet(t, "denied", denied[0].actions, []string{"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"})
	mustBeSet(t, "denied on", denied[0].resources, []string{token, signingKey})
	if denied[0].condition.node != nil {
		t.Error("the denial has a condition")
	}
}

func TestPolicyWritesLogsOnlyToTheFunctionsOwnGroups(t *testing.T) {
	t.Parallel()
	for _, s := range allowed(load(t)) {
		if s.about("logs") {
			mustBeSet(t, "log groups", s.resources, []string{"!GetAtt WebhookLogs.Arn", "!GetAtt PollerLogs.Arn"})
		}
	}
}

func TestPolicyIsWrittenOutInOneRole(t *testing.T) {
	t.Parallel()
	template := load(t)
	template.walk(func(m tree) {
		if m.at("ManagedPolicyArns").node != nil {
			t.Error("a role has a managed policy, which these tests cannot read")
		}
	})
	if n := len(resources(template, "AWS::IAM::Role")); n != 1 {
		t.Errorf("there are %d roles", n)
	}
	for id, function := range resources(template, "AWS::Serverless::Function") {
		mustBe(t, "role of "+id, function.at("Properties", "Role").text(), "!GetAtt Role.Arn")
		if function.at("Properties", "Policies").node != nil {
			t.Errorf("%s has policies beside its role's", id)
		}
	}
}

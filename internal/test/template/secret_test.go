package template_test

import (
	"maps"
	"strings"
	"testing"

	"keepcurrent.example/internal/reconcile"
)

const secretType = "AWS::SecretsManager::Secret"

func TestNoSecretHasAValueInTheTemplate(t *testing.T) {
	t.Parallel()
	load(t).walk(func(m tree) {
		if m.at("SecretString").node != nil {
			t.Error("there is a SecretString")
		}
	})
	for id, secret := range resources(load(t), secretType) {
		generated := secret.at("Properties", "GenerateSecretString")
		if (generated.node != nil) != (id == "SigningKey") {
			t.Errorf("%s: generated: %t", id, generated.node != nil)
		}
	}
}

// A change of these settings would make a new key at the next deployment.
func TestSigningKeyIsGeneratedOnceAndForAll(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for name, value := range load(t).at("Resources", "SigningKey", "Properties", "GenerateSecretString").entries() {
		got[name] = value.text()
	}
	if want := map[string]string{"PasswordLength": "48", "ExcludePunctuation": "true"}; !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSecretsThatPeopleRelyOnOutliveTheStack(t *testing.T) {
	t.Parallel()
	found := resources(load(t), secretType)
	for _, id := range []string{"TokenSecret", "BoundSecret"} {
		// Retain, unless the deployment that makes it fails.
		mustBe(t, "DeletionPolicy of "+id, found[id].at("DeletionPolicy").text(), "RetainExceptOnCreate")
		mustBe(t, "UpdateReplacePolicy of "+id, found[id].at("UpdateReplacePolicy").text(), "Retain")
	}
}

func TestOnlyTheBoundSecretIsTagged(t *testing.T) {
	t.Parallel()
	for id, secret := range resources(load(t), secretType) {
		got := map[string]string{}
		if tags := secret.at("Properties", "Tags"); tags.node != nil {
			for _, tag := range tags.items() {
				got[tag.at("Key").text()] = tag.at("Value").text()
			}
		}
		want := map[string]string{}
		if id == "BoundSecret" {
			want = map[string]string{
				reconcile.AppTag:       "!Ref HerokuApp",
				reconcile.ConfigVarTag: "!Ref ConfigVar",
				reconcile.FormatTag:    "!Ref SecretFormat",
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
}

func TestEverySecretIsUnderTheGivenKey(t *testing.T) {
	t.Parallel()
	for id, secret := range resources(load(t), secretType) {
		mustBe(t, "key of "+id, secret.at("Properties", "KmsKeyId").text(), "!If [OwnKey, !Ref KmsKeyArn, !Ref AWS::NoValue]")
	}
}

func TestLogsAreDeclaredAndExpire(t *testing.T) {
	t.Parallel()
	template := load(t)
	groups := resources(template, "AWS::Logs::LogGroup")
	for id, group := range groups {
		mustBe(t, "retention of "+id, group.at("Properties", "RetentionInDays").text(), "!Ref LogRetentionDays")
	}
	for _, id := range functions {
		name, isRef := strings.CutPrefix(property(template, id, "LoggingConfig").at("LogGroup").text(), "!Ref ")
		if _, declared := groups[name]; !isRef || !declared {
			t.Errorf("%s logs to %q", id, name)
		}
	}
}

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
				when := ""
				if branches := tag.items(); len(branches) == 3 { // !If, with nothing else
					mustBe(t, "else of a tag of "+id, branches[2].text(), "!Ref AWS::NoValue")
					when, tag = " if "+branches[0].text(), branches[1]
				}
				got[tag.at("Key").text()] = tag.at("Value").text() + when
			}
		}
		want := map[string]string{}
		if id == "BoundSecret" {
			want = map[string]string{
				reconcile.AppTag:       "!Ref HerokuApp",
				reconcile.ConfigVarTag: "!Ref ConfigVar",
				reconcile.FormatTag:    "!Ref SecretFormat",
				reconcile.KeyTag:       "!Ref SecretKey if NameKey",
				// Without it the stack would not follow its own secret.
				"!Select [0, !Split [=, !Ref OnlyTag]]": "!Select [1, !Split [=, !Ref OnlyTag]] if OnlyTagged",
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
}

// A name has no blanks, so several config vars are joined. For one it stays what it was,
// or a deployment would make another secret. No dash joins them: AWS advises against names
// that end with one and six characters
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html).
func TestTheNameOfTheBoundSecretHasNoBlanks(t *testing.T) {
	t.Parallel()
	name := load(t).at("Resources", "BoundSecret", "Properties", "Name").items()
	if len(name) != 3 || len(name[2].items()) != 2 {
		t.Fatalf("%d branches", len(name))
	}
	mustBe(t, "the name that is given", name[0].text()+" "+name[1].text(), "NameBoundSecret !Ref SecretName")
	mustBe(t, "the name", name[2].items()[0].text(), "heroku/${HerokuApp}/${Names}")
	mustBe(t, "the names in it", name[2].items()[1].at("Names").text(), "!Join [+, !Split [ , !Ref ConfigVar]]")
}

func TestEverySecretIsUnderTheFirstGivenKey(t *testing.T) {
	t.Parallel()
	for id, secret := range resources(load(t), secretType) {
		mustBe(t, "key of "+id, secret.at("Properties", "KmsKeyId").text(), "!If [OwnKey, !Select [0, !Ref KmsKeyArn], !Ref AWS::NoValue]")
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

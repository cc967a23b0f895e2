package secretstest_test

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

const (
	docRestore  = apiReference + "RestoreSecret.html"
	docPolicy   = apiReference + "GetResourcePolicy.html"
	docProvider = "https://github.com/hashicorp/terraform-provider-aws internal/service/secretsmanager/secret_version.go"
)

// removeCases are about UpdateSecretVersionStage that names no version to move to.
var removeCases = []conformanceCase{
	{name: "remove: a label leaves its version, and no other label moves", source: docStage, run: func(x *trial) {
		first, second := x.pair()
		ok(x.move(current, first, second))
		ok(x.move(candidate, second, ""))
		x.hasLabels(map[string]string{current: second, previous: first})
		ok(x.move(previous, first, ""))
		x.hasLabels(map[string]string{current: second})
	}},
	{name: "remove: AWSCURRENT can only be moved", source: docProvider, run: func(x *trial) {
		first, second := x.pair()
		refused("remove", x.move(current, first, ""), invalidParameter)
		refused("remove from no version", x.move(current, "", ""), invalidParameter)
		x.hasLabels(map[string]string{current: first, candidate: second})
	}},
	{name: "remove: from a version that has not got the label is refused", source: docStage, run: func(x *trial) {
		first, second := x.pair()
		refused("from another", x.move(candidate, first, ""), invalidParameter)
		refused("from an unknown one", x.move(candidate, newToken(), ""), invalidParameter)
		refused("from none", x.move(candidate, "", ""), invalidParameter)
		refused("a label that nothing has", x.move("OTHER", first, ""), invalidParameter)
		refused("the same from none", x.move("OTHER", "", ""), invalidParameter)
		x.hasLabels(map[string]string{current: first, candidate: second})
	}},
}

// changeCases are about everything else that changes a secret as a whole.
var changeCases = []conformanceCase{
	{name: "restore: takes the mark off, and again without error", source: docRestore, run: func(x *trial) {
		x.create("v")
		x.delete(false)
		for range 2 {
			ok(x.restore())
			equal("value", x.value("", current), "v")
			equal("DeletedDate is missing", x.describe().DeletedDate == nil, true)
		}
	}},
	{name: "restore: a missing secret is not found", source: docRestore, run: func(x *trial) {
		refused("restore", x.restore(), notFound)
	}},
	{name: "delete: by force and with a window is refused", source: docDelete, run: func(x *trial) {
		x.create("v")
		force, days := true, int64(7)
		_, err := x.client.DeleteSecret(x.ctx, &secretsmanager.DeleteSecretInput{SecretId: &x.name, ForceDeleteWithoutRecovery: &force, RecoveryWindowInDays: &days})
		refused("delete", err, invalidParameter)
		equal("value", x.value("", current), "v")
	}},
	{name: "delete: tells when the window ends", source: docDelete, run: func(x *trial) {
		x.create("v")
		days := int64(7)
		out := must(x.client.DeleteSecret(x.ctx, &secretsmanager.DeleteSecretInput{SecretId: &x.name, RecoveryWindowInDays: &days}))
		left := time.Until(*out.DeletionDate)
		equal("the window is of seven days", left > 6*24*time.Hour && left < 8*24*time.Hour, true)
	}},
	{name: "update: changes what it names, and makes a version of a value", source: docUpdate, run: func(x *trial) {
		first, token := x.create("one"), newToken()
		must(x.client.UpdateSecret(x.ctx, &secretsmanager.UpdateSecretInput{SecretId: &x.name, Description: new("of the shop")}))
		x.hasLabels(map[string]string{current: first})
		must(x.client.UpdateSecret(x.ctx, &secretsmanager.UpdateSecretInput{SecretId: &x.name, SecretString: new("two"), ClientRequestToken: &token}))
		x.hasLabels(map[string]string{current: token, previous: first})
		equal("description", orEmpty(x.describe().Description), "of the shop")
		equal("value", x.value("", current), "two")
	}},
	{name: "create: a description is told, and neither none nor AWS's own key", source: docDescribe, run: func(x *trial) {
		must(x.client.CreateSecret(x.ctx, &secretsmanager.CreateSecretInput{Name: &x.name}))
		equal("none", []*string{x.describe().Description, x.describe().KmsKeyId}, []*string{nil, nil})
		second := x.name + "/2"
		must(x.client.CreateSecret(x.ctx, &secretsmanager.CreateSecretInput{Name: &second, Description: new("of the shop"), KmsKeyId: new("alias/aws/secretsmanager")}))
		out := must(x.client.DescribeSecret(x.ctx, &secretsmanager.DescribeSecretInput{SecretId: &second}))
		equal("description", orEmpty(out.Description), "of the shop")
		equal("key", orEmpty(out.KmsKeyId), "")
	}},
	{name: "policy: there is none until one is attached", source: docPolicy, run: func(x *trial) {
		x.create("v")
		out := must(x.client.GetResourcePolicy(x.ctx, &secretsmanager.GetResourcePolicyInput{SecretId: &x.name}))
		equal("policy", out.ResourcePolicy, (*string)(nil))
		equal("name", *out.Name, x.name)
	}},
	{name: "binary: a value is bytes or a text, not both", source: docGet, run: func(x *trial) {
		value, token := []byte{0, 0xff, '\n'}, newToken()
		must(x.client.CreateSecret(x.ctx, &secretsmanager.CreateSecretInput{Name: &x.name, SecretBinary: value, ClientRequestToken: &token}))
		out := must(x.get(x.name, "", current))
		equal("bytes", out.SecretBinary, value)
		equal("text", out.SecretString, (*string)(nil))
		ok(x.putBinary(token, value)) // again
		refused("the token with a text", x.putAs(token, "text"), exists)
		_, err := x.client.PutSecretValue(x.ctx, &secretsmanager.PutSecretValueInput{SecretId: &x.name, SecretBinary: value, SecretString: new("text")})
		refused("both", err, invalidParameter)
		x.put("text")
		equal("bytes after a text", len(must(x.get(x.name, "", current)).SecretBinary), 0)
	}},
	{name: "list: a secret marked deleted shows if asked for", source: docList, run: func(x *trial) {
		x.tagged(x.name, "app", "shop")
		x.find(x.name)
		x.delete(false)
		x.find("")
		in := x.byTag()
		in.IncludePlannedDeletion = new(true)
		entries := must(x.client.ListSecrets(x.ctx, in)).SecretList
		equal("secrets", len(entries), 1)
		equal("DeletedDate is missing", entries[0].DeletedDate == nil, false)
	}},
}

func (x *trial) putBinary(token string, value []byte) error {
	_, err := x.client.PutSecretValue(x.ctx, &secretsmanager.PutSecretValueInput{SecretId: &x.name, SecretBinary: value, ClientRequestToken: &token})
	return err
}

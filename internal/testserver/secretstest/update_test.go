package secretstest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// AWS wants a key that exists, so this is no case of the conformance test.
func TestAKeyIsToldUntilItIsReplacedByAWSsOwn(t *testing.T) {
	t.Parallel()
	defer caught(t)
	_, x := newTrial(t)
	must(x.client.CreateSecret(x.ctx, &secretsmanager.CreateSecretInput{Name: &x.name, KmsKeyId: new("alias/shop")}))
	check := func(want string) {
		t.Helper()
		listed := must(x.client.ListSecrets(x.ctx, &secretsmanager.ListSecretsInput{})).SecretList[0].KmsKeyId
		if got := x.describe().KmsKeyId; orEmpty(got) != want || orEmpty(listed) != want {
			t.Errorf("DescribeSecret tells %q, ListSecrets %q, want %q", orEmpty(got), orEmpty(listed), want)
		}
	}
	check("alias/shop")
	update := func(id string) error {
		_, err := x.client.UpdateSecret(x.ctx, &secretsmanager.UpdateSecretInput{SecretId: &x.name, KmsKeyId: &id})
		return err
	}
	ok(update(text(2048)))
	check(text(2048))
	refused("a key of 2,049 characters", update(text(2049)), validation)
	ok(update("alias/aws/secretsmanager"))
	check("")
}

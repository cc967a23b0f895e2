package secretstest_test

import (
	"crypto/rand"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

const (
	current   = "AWSCURRENT"
	previous  = "AWSPREVIOUS"
	pending   = "AWSPENDING"
	candidate = "CANDIDATE"
)

// The kinds of error that the cases expect.
const (
	invalidParameter = "InvalidParameterException"
	invalidRequest   = "InvalidRequestException"
	notFound         = "ResourceNotFoundException"
	exists           = "ResourceExistsException"
	validation       = "ValidationException"
)

func newToken() string { return rand.Text() + rand.Text() }

// create makes the secret of the trial with a first value, and returns the version.
func (x *trial) create(value string) string {
	token := newToken()
	must(x.client.CreateSecret(x.ctx, &secretsmanager.CreateSecretInput{Name: &x.name, SecretString: &value, ClientRequestToken: &token}))
	return token
}

// put makes a new version.
func (x *trial) put(value string, stages ...string) string {
	token := newToken()
	ok(x.putAs(token, value, stages...))
	return token
}

func (x *trial) putAs(token, value string, stages ...string) error {
	_, err := x.client.PutSecretValue(x.ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &x.name, SecretString: &value, ClientRequestToken: &token, VersionStages: stages,
	})
	return err
}

// move moves a label; an empty version is one that the request does not name.
func (x *trial) move(label, from, to string) error {
	_, err := x.client.UpdateSecretVersionStage(x.ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &x.name, VersionStage: &label, RemoveFromVersionId: orNil(from), MoveToVersionId: orNil(to),
	})
	return err
}

// get reads a version; an empty id or label is one that the request does not name.
func (x *trial) get(id, version, stage string) (*secretsmanager.GetSecretValueOutput, error) {
	return x.client.GetSecretValue(x.ctx, &secretsmanager.GetSecretValueInput{
		SecretId: &id, VersionId: orNil(version), VersionStage: orNil(stage),
	})
}

// value reads the value of a version.
func (x *trial) value(version, stage string) string {
	return *must(x.get(x.name, version, stage)).SecretString
}

func (x *trial) describe() *secretsmanager.DescribeSecretOutput {
	return must(x.client.DescribeSecret(x.ctx, &secretsmanager.DescribeSecretInput{SecretId: &x.name}))
}

// holds checks which version has which label, and that there are no other labels.
// It overlooks versions without a label, which moto lists; a case of its own does not.
func (x *trial) holds(want map[string]string) {
	got := map[string]string{}
	for version, stages := range x.describe().VersionIdsToStages {
		for _, stage := range stages {
			equal("second holder of "+stage, got[stage], "")
			got[stage] = version
		}
	}
	equal("labels", got, want)
}

func (x *trial) delete(force bool) {
	must(x.client.DeleteSecret(x.ctx, &secretsmanager.DeleteSecretInput{SecretId: &x.name, ForceDeleteWithoutRecovery: &force}))
}

// everywhere returns the error of each action that needs a secret which is there.
func (x *trial) everywhere() map[string]error {
	errs := map[string]error{}
	value, key, token, label := "v", "k", newToken(), candidate
	_, errs["GetSecretValue"] = x.get(x.name, "", current)
	errs["PutSecretValue"] = x.putAs(token, value)
	errs["UpdateSecretVersionStage"] = x.move(label, "", token)
	_, errs["TagResource"] = x.client.TagResource(x.ctx, &secretsmanager.TagResourceInput{SecretId: &x.name, Tags: []types.Tag{{Key: &key, Value: &value}}})
	_, errs["UntagResource"] = x.client.UntagResource(x.ctx, &secretsmanager.UntagResourceInput{SecretId: &x.name, TagKeys: []string{key}})
	_, errs["DeleteSecret"] = x.client.DeleteSecret(x.ctx, &secretsmanager.DeleteSecretInput{SecretId: &x.name})
	return errs
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

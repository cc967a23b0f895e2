package secretstest_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
)

// A trial is one run of a case: a client and the name of a secret of its own.
type trial struct {
	ctx      context.Context
	client   *secretsmanager.Client
	name     string
	patience time.Duration // how long a list may lag
}

// A failure ends a trial by a panic, so that a case reads as a list of steps.
type failure struct{ error }

func (c conformanceCase) try(ctx context.Context, client *secretsmanager.Client, patience time.Duration) (err error) {
	x := &trial{ctx, client, cmp.Or(os.Getenv("KEEPCURRENT_CONFORMANCE_PREFIX"), "keepcurrent-test/") + rand.Text(), patience}
	defer func() {
		x.forget()
		if p := recover(); p != nil {
			f, ok := p.(failure)
			if !ok {
				panic(p)
			}
			err = f
		}
	}()
	c.run(x)
	return nil
}

// forget deletes the secrets of the trial, also if it was interrupted.
func (x *trial) forget() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.ctx), 30*time.Second)
	defer cancel()
	force := true
	for _, name := range []string{x.name, x.name + "/2"} {
		// A secret that was never made is no error, and any other is moto's.
		_, _ = x.client.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: &force})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(failure{err})
	}
	return v
}

func ok(err error) {
	if err != nil {
		panic(failure{err})
	}
}

func equal(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		panic(failure{fmt.Errorf("%s: got %v, want %v", what, got, want)})
	}
}

// refused checks that a call failed with one of some kinds of error.
func refused(what string, err error, kinds ...string) {
	var api smithy.APIError
	if !errors.As(err, &api) || !slices.Contains(kinds, api.ErrorCode()) {
		panic(failure{fmt.Errorf("%s: got %v, want one of %v", what, err, kinds)})
	}
}

const (
	current   = "AWSCURRENT"
	previous  = "AWSPREVIOUS"
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

// hasLabels checks which version has which label, and that there are no other labels.
// It overlooks versions without a label, which moto lists; a case of its own does not.
func (x *trial) hasLabels(want map[string]string) {
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

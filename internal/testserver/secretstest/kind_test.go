package secretstest_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"keepcurrent.example/internal/testserver/secretstest"
)

// newTrial is a trial on a server of its own, for tests of what only this server can do.
// They defer caught.
func newTrial(t *testing.T) (*secretstest.Server, *trial) {
	server := newServer(t)
	return server, &trial{ctx: t.Context(), client: newClient(t, server.URL), name: "shop/database"}
}

// caught makes a failure of a trial one of the test. It is deferred.
func caught(t *testing.T) {
	t.Helper()
	switch p := recover().(type) {
	case nil:
	case failure:
		t.Error(p)
	default:
		panic(p)
	}
}

// kindOf reads a Kind out of an answer of DescribeSecret.
func kindOf(out *secretsmanager.DescribeSecretOutput) secretstest.Kind {
	return secretstest.Kind{
		PrimaryRegion:     orEmpty(out.PrimaryRegion),
		OwningService:     orEmpty(out.OwningService),
		Type:              orEmpty(out.Type),
		RotationEnabled:   out.RotationEnabled != nil && *out.RotationEnabled,
		RotationLambdaARN: orEmpty(out.RotationLambdaARN),
	}
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func TestMarkShowsTheKindWhereAWSDoes(t *testing.T) {
	t.Parallel()
	tests := map[string]secretstest.Kind{
		"a replica":               {PrimaryRegion: "eu-central-1"},
		"a primary with replicas": {PrimaryRegion: "us-east-1"},
		"owned by a service":      {OwningService: "rds", RotationEnabled: true},
		"managed external":        {Type: "SalesforceClientSecret"},
		"rotated by a function":   {RotationEnabled: true, RotationLambdaARN: "arn:aws:lambda:us-east-1:123456789012:function:rotate"},
		"ordinary":                {},
	}
	for name, kind := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer caught(t)
			server, x := newTrial(t)
			version := x.create("one")
			server.Mark(x.name, kind)
			if got := kindOf(x.describe()); got != kind {
				t.Errorf("DescribeSecret: got %+v, want %+v", got, kind)
			}
			x.hasLabels(map[string]string{current: version})
			e := must(x.client.ListSecrets(x.ctx, &secretsmanager.ListSecretsInput{})).SecretList[0]
			listed := kindOf(&secretsmanager.DescribeSecretOutput{
				PrimaryRegion: e.PrimaryRegion, OwningService: e.OwningService, Type: e.Type,
				RotationEnabled: e.RotationEnabled, RotationLambdaARN: e.RotationLambdaARN,
			})
			if listed != kind {
				t.Errorf("ListSecrets: got %+v, want %+v", listed, kind)
			}
		})
	}
}

func TestOnlyAReplicaRefusesWrites(t *testing.T) {
	t.Parallel()
	defer caught(t)
	server, x := newTrial(t)
	version := x.create("one")
	server.Mark(x.name, secretstest.Kind{PrimaryRegion: "eu-central-1"})
	writes := x.everywhere()
	delete(writes, "GetSecretValue")
	force := true
	_, writes["DeleteSecret by force"] = x.client.DeleteSecret(x.ctx, &secretsmanager.DeleteSecretInput{SecretId: &x.name, ForceDeleteWithoutRecovery: &force})
	for action, err := range writes {
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != invalidParameter ||
			api.ErrorMessage() != "Operation not permitted on a replica secret. Call must be made in primary secret's region." {
			t.Errorf("%s: %v", action, err)
		}
	}
	if got := x.value(version, current); got != "one" {
		t.Errorf("read %q", got)
	}
	for _, kind := range []secretstest.Kind{{PrimaryRegion: "us-east-1"}, {OwningService: "rds"}, {}} {
		server.Mark(x.name, kind)
		if err := x.putAs(newToken(), "two"); err != nil {
			t.Errorf("%+v: %v", kind, err)
		}
	}
}

func TestMarkPanicsWithoutASecret(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("marked a secret that is not there")
		}
	}()
	secretstest.New().Mark("shop/database", secretstest.Kind{})
}

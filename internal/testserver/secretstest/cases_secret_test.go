package secretstest_test

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

var arnOf = regexp.MustCompile(`^arn:aws:secretsmanager:[a-z0-9-]+:\d{12}:secret:(.+)-[A-Za-z0-9]{6}$`)

// secretCases are about secrets as a whole: making, finding and deleting them.
var secretCases = []conformanceCase{
	{name: "create: the ARN ends in six characters and the token is the version", source: docCreate, run: func(x *trial) {
		value, token := "v", newToken()
		out := must(x.client.CreateSecret(x.ctx, &secretsmanager.CreateSecretInput{Name: &x.name, SecretString: &value, ClientRequestToken: &token}))
		found := arnOf.FindStringSubmatch(*out.ARN)
		equal("ARN's form", len(found), 2)
		equal("ARN's name", found[1], x.name)
		equal("version", *out.VersionId, token)
		equal("value", x.value(token, current), "v")
	}},
	{name: "create: a name that is taken is refused", source: docCreate, run: func(x *trial) {
		x.create("v")
		_, err := x.client.CreateSecret(x.ctx, &secretsmanager.CreateSecretInput{Name: &x.name})
		refused("second create", err, exists)
	}},
	{name: "create: the same token and value again is the same secret", source: docCreate, run: func(x *trial) {
		value, token := "v", newToken()
		in := &secretsmanager.CreateSecretInput{Name: &x.name, SecretString: &value, ClientRequestToken: &token}
		first, second := must(x.client.CreateSecret(x.ctx, in)), must(x.client.CreateSecret(x.ctx, in))
		equal("ARN", *second.ARN, *first.ARN)
	}},
	{name: "create: without a value there is no version", source: recorded, run: func(x *trial) {
		out := must(x.client.CreateSecret(x.ctx, &secretsmanager.CreateSecretInput{Name: &x.name}))
		equal("version in the answer", out.VersionId, (*string)(nil))
		equal("versions", len(x.describe().VersionIdsToStages), 0)
		_, err := x.get(x.name, "", current)
		refused("get", err, notFound)
	}},
	{name: "get: by name, ARN and ARN without its last characters", source: docGet, run: func(x *trial) {
		x.create("v")
		arn := *x.describe().ARN
		for _, id := range []string{x.name, arn, arn[:len(arn)-len("-xxxxxx")]} {
			equal("value by "+id, *must(x.get(id, "", current)).SecretString, "v")
		}
	}},
	{name: "get: an ARN with other last characters is not found", source: docCreate, run: func(x *trial) {
		x.create("v")
		arn := *x.describe().ARN
		_, err := x.get(arn[:len(arn)-len("xxxxxx")]+"000000", "", current)
		refused("get", err, notFound)
	}},
	{name: "a missing secret is not found by any action", source: recorded, run: func(x *trial) {
		for action, err := range x.everywhere() {
			refused(action, err, notFound)
		}
		_, err := x.client.DescribeSecret(x.ctx, &secretsmanager.DescribeSecretInput{SecretId: &x.name})
		refused("DescribeSecret", err, notFound)
	}},
	{name: "delete: a secret marked deleted can only be described", source: docDelete, run: func(x *trial) {
		x.create("v")
		x.delete(false)
		for action, err := range x.everywhere() {
			refused(action, err, invalidRequest)
		}
		equal("DeletedDate is missing", x.describe().DeletedDate == nil, false)
	}},
	{name: "delete: the name of a secret marked deleted is taken", source: recorded, run: func(x *trial) {
		x.create("v")
		x.delete(false)
		_, err := x.client.CreateSecret(x.ctx, &secretsmanager.CreateSecretInput{Name: &x.name})
		refused("create", err, invalidRequest)
	}},
	{name: "delete: by force at once, and again without error", source: docDelete, run: func(x *trial) {
		x.create("v")
		x.delete(true)
		_, err := x.get(x.name, "", current)
		refused("get", err, notFound)
		x.delete(true)
	}},
	{name: "tags: added, replaced by key, removed without error if absent", source: docTag, run: func(x *trial) {
		x.create("v")
		for _, value := range []string{"one", "two"} {
			must(x.client.TagResource(x.ctx, &secretsmanager.TagResourceInput{SecretId: &x.name, Tags: []types.Tag{{Key: new("k"), Value: &value}, {Key: new("K"), Value: &value}}}))
		}
		must(x.client.UntagResource(x.ctx, &secretsmanager.UntagResourceInput{SecretId: &x.name, TagKeys: []string{"K", "none"}}))
		tags := x.describe().Tags
		equal("tags", len(tags), 1)
		equal("tag", *tags[0].Key+*tags[0].Value, "ktwo")
	}},
	{name: "a value of 65,536 bytes is taken, a longer one is not", source: docPut, run: func(x *trial) {
		x.create(strings.Repeat("v", 65536))
		refused("put", x.putAs(newToken(), strings.Repeat("v", 65537)), validation, invalidParameter)
	}},
}

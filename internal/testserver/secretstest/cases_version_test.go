package secretstest_test

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// versionCases are about what makes a version and how it is read.
var versionCases = []conformanceCase{
	{name: "get: by label, by version, and by both", source: docGet, run: func(x *trial) {
		first := x.create("one")
		second := x.put("two")
		equal("by label", x.value("", previous), "one")
		equal("by version", x.value(first, ""), "one")
		equal("by both", x.value(second, current), "two")
	}},
	{name: "get: a label that is on another version is refused", source: recorded, run: func(x *trial) {
		first := x.create("one")
		x.put("two")
		_, err := x.get(x.name, first, current)
		refused("get", err, invalidRequest)
	}},
	{name: "get: a label or version that is not there is not found", source: recorded, run: func(x *trial) {
		x.create("one")
		_, err := x.get(x.name, "", "NONE")
		refused("by label", err, notFound)
		_, err = x.get(x.name, newToken(), "")
		refused("by version", err, notFound)
	}},
	{name: "put: moves AWSCURRENT and AWSPREVIOUS", source: docPut, run: func(x *trial) {
		x.create("one")
		second := x.put("two")
		third := x.put("three")
		x.hasLabels(map[string]string{current: third, previous: second})
		equal("value", x.value("", current), "three")
	}},
	{name: "put: the same token and value again changes nothing", source: docPut, run: func(x *trial) {
		x.create("one")
		second := x.put("two")
		before := x.describe().VersionIdsToStages
		ok(x.putAs(second, "two"))
		equal("labels", x.describe().VersionIdsToStages, before)
	}},
	{name: "put: an old token replayed moves no label", source: docPut, run: func(x *trial) {
		first := x.create("one")
		second := x.put("two")
		third := x.put("three")
		ok(x.putAs(first, "one"))
		ok(x.putAs(first, "one", current, "FRESH"))
		x.hasLabels(map[string]string{current: third, previous: second})
	}},
	{name: "put: the answer to a repeat tells the labels as they are", source: docPut, run: func(x *trial) {
		first, value := x.create("one"), "one"
		x.put("two")
		out := must(x.client.PutSecretValue(x.ctx, &secretsmanager.PutSecretValueInput{SecretId: &x.name, SecretString: &value, ClientRequestToken: &first, VersionStages: []string{current}}))
		equal("labels", out.VersionStages, []string{previous})
	}},
	{name: "put: the same token with another value is refused", source: docPut, run: func(x *trial) {
		first := x.create("one")
		refused("put", x.putAs(first, "two"), exists)
		equal("value", x.value(first, ""), "one")
	}},
	{name: "put: a token has 32 to 64 characters", source: docPut, run: func(x *trial) {
		x.create("one")
		token := newToken() + newToken()
		refused("31", x.putAs(token[:31], "two"), invalidParameter, validation)
		refused("65", x.putAs(token[:65], "two"), invalidParameter, validation)
		ok(x.putAs(token[:32], "two"))
		ok(x.putAs(token[:64], "three"))
	}},
	{name: "put: an empty token is refused", source: recorded, run: func(x *trial) {
		x.create("one")
		refused("put", x.putAs("", "two"), invalidRequest)
	}},
	{name: "put: no value is refused", source: docPut, run: func(x *trial) {
		x.create("one")
		_, err := x.client.PutSecretValue(x.ctx, &secretsmanager.PutSecretValueInput{SecretId: &x.name})
		refused("put", err, invalidRequest, invalidParameter)
	}},
	{name: "list of versions: labelled ones, and all if asked", source: docVersions, run: func(x *trial) {
		first := x.create("one")
		second := x.put("two")
		third := x.put("three")
		equal("labelled", x.versions(false), sorted(second, third))
		equal("all", x.versions(true), sorted(first, second, third))
	}},
	{name: "list of versions: of a missing secret is not found", source: recorded, run: func(x *trial) {
		_, err := x.client.ListSecretVersionIds(x.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: &x.name})
		refused("list", err, notFound)
	}},
	{name: "describe: lists versions with a label only", source: docDescribe, run: func(x *trial) {
		x.create("one")
		second := x.put("two")
		third := x.put("three")
		equal("versions", x.describe().VersionIdsToStages, map[string][]string{second: {previous}, third: {current}})
	}},
}

// versions returns the ids of the versions in alphabetical order, read page by page.
func (x *trial) versions(all bool) []string {
	var ids []string
	one := int32(1)
	pages := secretsmanager.NewListSecretVersionIdsPaginator(x.client, &secretsmanager.ListSecretVersionIdsInput{SecretId: &x.name, IncludeDeprecated: &all, MaxResults: &one})
	for pages.HasMorePages() {
		for _, v := range must(pages.NextPage(x.ctx)).Versions {
			ids = append(ids, *v.VersionId)
		}
	}
	return sorted(ids...)
}

func sorted(ids ...string) []string {
	slices.Sort(ids)
	return ids
}

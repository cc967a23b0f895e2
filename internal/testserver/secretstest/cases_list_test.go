package secretstest_test

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// listCases are about ListSecrets. Each looks for secrets by a tag of its own.
var listCases = []conformanceCase{
	{name: "list: an entry has the tags and the labels", source: docList, run: func(x *trial) {
		x.tagged(x.name, "app", "shop")
		x.find(x.name)
		entry := must(x.client.ListSecrets(x.ctx, x.byTag())).SecretList[0]
		equal("tags", len(entry.Tags), 2)
		equal("labels", entry.SecretVersionsToStages, x.describe().VersionIdsToStages)
	}},
	{name: "list: filters match prefixes", source: docList, run: func(x *trial) {
		x.tagged(x.name, "app", "shop")
		x.tagged(x.name+"/2", "apple", "shopping")
		x.find(x.name+","+x.name+"/2", filter("tag-key", "app"), filter("tag-value", "shop"))
		x.find(x.name+"/2", filter("tag-key", "appl"))
		x.find(x.name+"/2", filter("tag-value", "shopp"))
		x.find("", filter("tag-value", "hop"))
	}},
	{name: "list: tag filters mind upper and lower case", source: apiReference + "Filter.html", run: func(x *trial) {
		x.tagged(x.name, "App", "Shop")
		x.find(x.name, filter("tag-key", "App"))
		x.find("", filter("tag-key", "app"))
		x.find("", filter("tag-value", "shop"))
	}},
	{name: "list: one value of a filter is enough, and all filters must pass", source: docList, run: func(x *trial) {
		x.tagged(x.name, "app", "shop")
		x.tagged(x.name+"/2", "app", "bank")
		x.find(x.name+","+x.name+"/2", filter("tag-value", "shop", "bank"))
		x.find(x.name+"/2", filter("tag-key", "app"), filter("tag-value", "bank"))
	}},
	{name: "list: pages join up", source: docList, run: func(x *trial) {
		x.tagged(x.name, "app", "shop")
		x.tagged(x.name+"/2", "app", "shop")
		in := x.byTag()
		x.find(x.name + "," + x.name + "/2")
		one := int32(1)
		in.MaxResults = &one
		first := must(x.client.ListSecrets(x.ctx, in))
		in.NextToken = first.NextToken
		second := must(x.client.ListSecrets(x.ctx, in))
		equal("sizes", []int{len(first.SecretList), len(second.SecretList)}, []int{1, 1})
		equal("same secret twice", *first.SecretList[0].ARN == *second.SecretList[0].ARN, false)
	}},
	{name: "list: a secret marked deleted does not show", source: docList, run: func(x *trial) {
		x.tagged(x.name, "app", "shop")
		x.find(x.name)
		x.delete(false)
		x.find("")
	}},
	{name: "list: more than 100 a page is refused", source: docList, run: func(x *trial) {
		size := int32(101)
		_, err := x.client.ListSecrets(x.ctx, &secretsmanager.ListSecretsInput{MaxResults: &size})
		refused("list", err, validation, invalidParameter)
	}},
}

// tagged makes a secret with a tag, and with one that no other trial uses.
func (x *trial) tagged(name, key, value string) {
	must(x.client.CreateSecret(x.ctx, &secretsmanager.CreateSecretInput{
		Name: &name, SecretString: new("v"),
		Tags: []types.Tag{{Key: &key, Value: &value}, {Key: new(x.mark()), Value: new("trial")}},
	}))
}

// mark is the key of a tag of this trial alone.
func (x *trial) mark() string { return strings.ReplaceAll(x.name, "/", "-") }

func (x *trial) byTag(filters ...types.Filter) *secretsmanager.ListSecretsInput {
	return &secretsmanager.ListSecretsInput{Filters: append(filters, filter("tag-key", x.mark()))}
}

func filter(key string, values ...string) types.Filter {
	return types.Filter{Key: types.FilterNameStringType(key), Values: values}
}

// find checks which secrets of the trial pass some filters, names joined by
// commas; it asks again as long as the list may lag.
func (x *trial) find(want string, filters ...types.Filter) {
	names := strings.FieldsFunc(want, func(r rune) bool { return r == ',' })
	for end := time.Now().Add(x.patience); ; time.Sleep(time.Second) {
		var got []string
		for _, entry := range must(x.client.ListSecrets(x.ctx, x.byTag(filters...))).SecretList {
			got = append(got, *entry.Name)
		}
		slices.Sort(got)
		if reflect.DeepEqual(got, names) || len(got)+len(names) == 0 {
			return
		}
		if !time.Now().Before(end) {
			equal("secrets found", got, names)
		}
	}
}

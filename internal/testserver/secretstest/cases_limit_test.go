package secretstest_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

const (
	docTags     = "https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html"
	docTagShape = apiReference + "Tag.html"
	docUpdate   = apiReference + "UpdateSecret.html"
	docFilter   = apiReference + "Filter.html"
)

// A limit is one parameter and the sizes on both sides of its limits. A call gets one
// size, and the trial has a secret with one version.
type limit struct {
	what, source string
	taken        []int
	refused      []int
	call         func(x *trial, size int) error
}

var limits = []limit{
	{"a secret's name", docCreate, []int{512}, []int{0, 513}, func(x *trial, n int) error { return x.createNamed(resize(x.name, n)) }},
	{"a SecretId", docGet, nil, []int{0, 2049}, func(x *trial, n int) error { _, err := x.get(text(n), "", current); return err }},
	{"a description", docCreate, []int{0, 2048}, []int{2049}, func(x *trial, n int) error {
		_, err := x.client.UpdateSecret(x.ctx, &secretsmanager.UpdateSecretInput{SecretId: &x.name, Description: new(text(n))})
		return err
	}},
	{"a staging label", docStage, []int{1, 256}, []int{257}, func(x *trial, n int) error { return x.move(text(n), "", x.first()) }},
	{"a staging label of a put", docPut, []int{1, 256}, []int{0, 257}, func(x *trial, n int) error { return x.putAs(newToken(), "two", text(n)) }},
	{"a binary value", docPut, []int{1, 65536}, []int{65537}, func(x *trial, n int) error { return x.putBinary(newToken(), []byte(text(n))) }},
	{"a tag's key", docTagShape, []int{1, 128}, []int{0, 129}, func(x *trial, n int) error { return x.tag(text(n), "v") }},
	{"a tag's key in characters of two bytes", docTagShape, []int{128}, []int{129}, func(x *trial, n int) error { return x.tag(strings.Repeat("é", n), "v") }},
	{"a tag's value", docTagShape, []int{0, 256}, []int{257}, func(x *trial, n int) error { return x.tag("k", text(n)) }},
	{"the number of tags", docTags, []int{50}, []int{51}, (*trial).tagTimes},
	{"days of a recovery window", docDelete, []int{7, 30}, []int{6, 31}, (*trial).deleteFor},
	{"the value of a filter", docFilter, []int{0, 512}, []int{513}, func(x *trial, n int) error { return x.list(filter("tag-value", text(n))) }},
	{"the number of a filter's values", docFilter, []int{1, 10}, []int{0, 11}, func(x *trial, n int) error {
		return x.list(filter("tag-value", slices.Repeat([]string{"v"}, n)...))
	}},
	{"the number of filters", docList, []int{10}, []int{11}, func(x *trial, n int) error {
		return x.list(slices.Repeat([]types.Filter{filter("tag-value", "v")}, n)...)
	}},
}

// limitCases are about what is too short, too long, too many, or written wrongly.
var limitCases = append(sizeCases(),
	conformanceCase{name: "name: has letters, digits and /_+=.@-", source: docCreate, run: func(x *trial) {
		ok(x.createNamed(x.name + "/Az09_+=.@-"))
		for _, wrong := range []string{"é", " ", ":", "#", "\\", ",", "\n"} {
			refused(fmt.Sprintf("a name with %q", wrong), x.createNamed(x.name+wrong+"x"), validation, invalidParameter)
		}
	}},
	conformanceCase{name: "tags: have letters, digits, blanks and +-=._:/@", source: docTags, run: func(x *trial) {
		x.create("v")
		ok(x.tag("Key é9 +-=._:/@", "Value é9 +-=._:/@"))
		for _, wrong := range []string{"#", "*", "{", ",", "\\", "\n", "!"} {
			refused(fmt.Sprintf("a key with %q", wrong), x.tag("k"+wrong, "v"), validation, invalidParameter)
			refused(fmt.Sprintf("a value with %q", wrong), x.tag("k", "v"+wrong), validation, invalidParameter)
		}
	}},
	conformanceCase{name: "tags: keys that begin with aws: are AWS's", source: docTags, run: func(x *trial) {
		x.create("v")
		for _, key := range []string{"aws:app", "AWS:app", "aws:"} {
			refused(key, x.tag(key, "v"), validation, invalidParameter)
		}
		ok(x.tag("aws", "v"))
		ok(x.tag("heroku:aws:", "aws:v"))
	}},
)

func sizeCases() (cases []conformanceCase) {
	for _, l := range limits {
		cases = append(cases, conformanceCase{name: "limit: " + l.what, source: l.source, run: func(x *trial) {
			x.create("one")
			for _, size := range l.refused {
				refused(fmt.Sprint("of ", size), l.call(x, size), validation, invalidParameter)
			}
			for _, size := range l.taken {
				if err := l.call(x, size); err != nil {
					panic(failure{fmt.Errorf("of %d: %w", size, err)})
				}
			}
		}})
	}
	return cases
}

func text(size int) string { return strings.Repeat("x", size) }

// resize cuts or fills a name.
func resize(name string, size int) string { return (name + text(size))[:size] }

// createNamed makes a secret and deletes it.
func (x *trial) createNamed(name string) error {
	if _, err := x.client.CreateSecret(x.ctx, &secretsmanager.CreateSecretInput{Name: &name}); err != nil {
		return err
	}
	force := true
	_, err := x.client.DeleteSecret(x.ctx, &secretsmanager.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: &force})
	return err
}

func (x *trial) first() string { return *must(x.get(x.name, "", current)).VersionId }

func (x *trial) tag(key, value string) error {
	_, err := x.client.TagResource(x.ctx, &secretsmanager.TagResourceInput{SecretId: &x.name, Tags: []types.Tag{{Key: &key, Value: &value}}})
	return err
}

func (x *trial) tagTimes(n int) error {
	var tags []types.Tag
	for i := range n {
		tags = append(tags, types.Tag{Key: new(fmt.Sprint("k", i)), Value: new("v")})
	}
	_, err := x.client.TagResource(x.ctx, &secretsmanager.TagResourceInput{SecretId: &x.name, Tags: tags})
	return err
}

// deleteFor marks the secret deleted and, if that was taken, restores it.
func (x *trial) deleteFor(days int) error {
	window := int64(days)
	if _, err := x.client.DeleteSecret(x.ctx, &secretsmanager.DeleteSecretInput{SecretId: &x.name, RecoveryWindowInDays: &window}); err != nil {
		return err
	}
	return x.restore()
}

func (x *trial) restore() error {
	_, err := x.client.RestoreSecret(x.ctx, &secretsmanager.RestoreSecretInput{SecretId: &x.name})
	return err
}

func (x *trial) list(filters ...types.Filter) error {
	_, err := x.client.ListSecrets(x.ctx, &secretsmanager.ListSecretsInput{Filters: filters})
	return err
}

package secrets_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/secrets"
)

func TestListNamesExactlyTheTaggedSecrets(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	for i := range 205 {
		h.create(fmt.Sprint("bound-", i), "heroku:app=shop", fmt.Sprint("n=", i))
	}
	h.create("longer", "heroku:app-team=shop")
	h.create("other-case", "Heroku:app=shop")
	h.create("untagged")
	gone := h.create("gone", "heroku:app=shop")
	if _, err := h.Client.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &gone}); err != nil {
		t.Fatal(err)
	}
	h.server.ResetCalls()
	list, err := h.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, s := range list {
		names[s.Name] = true
		if s.Tags["heroku:app"] != "shop" || s.Tags["n"] == "" || s.ARN == "" || s.Current != "" {
			t.Errorf("%+v", s)
		}
	}
	if len(names) != 205 || h.server.Calls()["ListSecrets"] != 3 {
		t.Errorf("%d secrets in %d pages", len(names), h.server.Calls()["ListSecrets"])
	}
}

func TestFirstIsOnePageAndSaysWhetherItIsAll(t *testing.T) {
	t.Parallel()
	for bound, isAll := range map[int]bool{100: true, 101: false} {
		t.Run(fmt.Sprint(bound, " secrets"), func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
			for i := range bound {
				h.create(fmt.Sprint("bound-", i), "heroku:app=shop")
			}
			list, all, err := h.First(t.Context())
			if pages := h.server.Calls()["ListSecrets"]; err != nil || len(list) != 100 || all != isAll || pages != 1 {
				t.Errorf("%d secrets in %d pages, all %t, %v", len(list), pages, all, err)
			}
		})
	}
}

func TestOfNamesTheSecretsOfTheApps(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	for _, app := range []string{"shop", "blog", "forum"} {
		h.create(app, "heroku:app="+app)
	}
	h.create("unbound", "app=shop")
	list, err := h.ForApps(t.Context(), "shop", "blog")
	if err != nil || len(list) != 2 || list[0].Name != "shop" || list[1].Name != "blog" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestNoSecretsAreNoHollowAnswer(t *testing.T) {
	t.Parallel()
	if list, err := newFixture(t).List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%d secrets, %v", len(list), err)
	}
}

// Two stacks with two values of a tag must not both follow a secret.
func TestASecretWithoutTheTagOfTheStackIsNotBound(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.Only = secrets.Tag{Key: "team", Value: "shop"}
	for name, tt := range map[string]struct {
		tags  []string
		bound bool
	}{
		"ours":          {[]string{"heroku:app=a", "team=shop"}, true},
		"of-another":    {[]string{"heroku:app=a", "team=blog"}, false},
		"longer":        {[]string{"heroku:app=a", "team=shopping"}, false},
		"other-key":     {[]string{"heroku:app=a", "group=shop"}, false},
		"other-case":    {[]string{"heroku:app=a", "Team=shop"}, false},
		"empty":         {[]string{"heroku:app=a", "team="}, false},
		"no-tag":        {[]string{"heroku:app=a"}, false},
		"no-heroku-app": {[]string{"team=shop"}, false},
	} {
		arn := h.create(name, tt.tags...)
		listed := func(list []reconcile.Secret) bool {
			return slices.ContainsFunc(list, func(s reconcile.Secret) bool { return s.ARN == arn && s.Tags["heroku:app"] == "a" })
		}
		described, err := h.Describe(t.Context(), arn)
		all, listErr := h.List(t.Context())
		first, isAll, firstErr := h.First(t.Context())
		ofApp, appErr := h.ForApps(t.Context(), "a")
		if err := errors.Join(err, listErr, firstErr, appErr); err != nil || !isAll {
			t.Fatal(err)
		}
		for call, bound := range map[string]bool{
			"Describe": described.Tags["heroku:app"] != "", "List": listed(all), "First": listed(first), "ForApps": listed(ofApp),
		} {
			if bound != tt.bound {
				t.Errorf("%s, by %s: bound: %t", name, call, bound)
			}
		}
	}
}

// A stack of a small team in a large account lists no other team's secrets.
func TestAListReadsNoPageOfTheSecretsOfOtherStacks(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.Only = secrets.Tag{Key: "team", Value: "shop"}
	h.create("ours", "heroku:app=shop", "team=shop")
	for i := range 150 {
		h.create(fmt.Sprint("other-", i), "heroku:app=blog", "team=blog")
	}
	h.server.ResetCalls()
	list, err := h.List(t.Context())
	if pages := h.server.Calls()["ListSecrets"]; err != nil || len(list) != 1 || pages != 1 {
		t.Errorf("%d secrets in %d pages, %v", len(list), pages, err)
	}
}

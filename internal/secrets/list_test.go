package secrets_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
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

package heroku_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/heroku"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/herokutest"
)

// still is a database that nothing happens to.
type still struct{ herokutest.Database }

func (still) URL() string { return "postgres://u:pEXAMPLE@h:5432/d" }

const attachments = "GET /apps/{app}/addon-attachments"

func TestAnAttachmentTellsWhoseCredentialItsConfigVarHas(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	app := server.CreateApp("shop")
	app.Set("COPY_URL", still{}.URL())
	addon := server.Provision(app, still{})
	addon.AttachCredential("REPORTS", "analyst", still{})
	got, err := api.Credentials(t.Context(), app.ID)
	want := map[string]reconcile.Credential{
		"DATABASE_URL": reconcile.CredentialDefault, "HEROKU_POSTGRESQL_AMBER_URL": reconcile.CredentialDefault, "REPORTS_URL": reconcile.CredentialNamed,
	}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
}

// The namespaces are those of Heroku's CLI and its tests.
func TestANamespaceIsReadAsHerokusCLIReadsIt(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	const postgres = "postgresql-curved-12345"
	for _, tt := range []struct {
		addon, namespace string
		want             reconcile.Credential
	}{
		{postgres, `null`, reconcile.CredentialDefault},
		{postgres, `"credential:default"`, reconcile.CredentialDefault},
		{postgres, `"connection-pooling:default"`, reconcile.CredentialDefault},
		{postgres, `"credential:analyst"`, reconcile.CredentialNamed},
		{postgres, `"role:u2vi1nt40t3mcq|proxy:false|pool:leader"`, reconcile.CredentialUnknown},
		{postgres, `"something-new"`, reconcile.CredentialUnknown},
		// Another maker's database has credentials of its own, and a person may rename an add-on.
		{"crunchy-bridge-curved-12345", `null`, reconcile.CredentialUnknown},
		{"postgresql-studio-curved-12345", `null`, reconcile.CredentialUnknown},
		{"my-database", `null`, reconcile.CredentialUnknown},
		{"", `null`, reconcile.CredentialUnknown},
		{"my-database", `"credential:default"`, reconcile.CredentialUnknown},
		{"my-database", `"credential:analyst"`, reconcile.CredentialUnknown},
	} {
		unwrap := server.Wrap(herokutest.Status(200, "application/json", fmt.Sprintf(`[{"name":"DATABASE","addon":{"name":%q},"namespace":%s}]`, tt.addon, tt.namespace)))
		if got, err := api.Credentials(t.Context(), "shop"); err != nil || got["DATABASE_URL"] != tt.want {
			t.Errorf("%s, %s: %q, %v", tt.addon, tt.namespace, got, err)
		}
		unwrap()
	}
}

// A person waits for a dry run of many apps, and no outcome depends on whose credential a
// URL has.
func TestAHerokuThatDoesNotListAttachmentsIsNotAskedForTheNextApp(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]herokutest.Fault{
		"it hangs": herokutest.Hang(), "the token's scope is too small": herokutest.Refuse(403, "forbidden"),
		"no requests are left": herokutest.Refuse(429, "rate_limit"), "it is down": herokutest.HTML503(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, api := fixture(t)
			server.CreateApp("shop")
			server.CreateApp("office")
			unwrap := server.Wrap(herokutest.On(attachments, fault))
			if _, err := api.Credentials(t.Context(), "shop"); err == nil {
				t.Fatal("it lists them")
			}
			if asked := server.Calls()[attachments]; asked != 1 && name == "it hangs" {
				t.Errorf("it was asked %d times", asked)
			}
			unwrap()
			server.ResetCalls()
			if got, err := api.Credentials(t.Context(), "office"); err == nil || got != nil || server.Calls()[attachments] > 0 {
				t.Errorf("%v, %v, calls %v", got, err, server.Calls())
			}
			api.AgeSilence(time.Hour)
			if _, err := api.Credentials(t.Context(), "office"); err != nil {
				t.Errorf("another run: %v", err)
			}
		})
	}
}

func TestAnAppThatDoesNotExistEndsNoQuestionsAboutOthers(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	server.CreateApp("shop")
	var status *heroku.StatusError
	if _, err := api.Credentials(t.Context(), "none-such"); !errors.As(err, &status) || status.Code != 404 {
		t.Errorf("%v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := api.Credentials(ended, "shop"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := api.Credentials(t.Context(), "shop"); err != nil {
		t.Error(err)
	}
}

func TestAnAnswerThatIsNoListOfAttachmentsTellsNothing(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	server.CreateApp("shop")
	for name, fault := range map[string]herokutest.Fault{
		"null":                               herokutest.Null(),
		"cut":                                herokutest.CutBody(),
		"a scope that does not allow it":     herokutest.Refuse(403, "forbidden"),
		"an object":                          herokutest.Status(200, "application/json", `{"id":"EXAMPLE"}`),
		"a log's address, which has a token": herokutest.Status(200, "application/json", `[{"name":"DATABASE","log_input_url":"https://token:EXAMPLE@h"`),
		"an app that the user does not see":  herokutest.Refuse(404, "not_found"),
	} {
		unwrap := server.Wrap(herokutest.On(attachments, fault))
		api.AgeSilence(time.Hour)
		if got, err := api.Credentials(t.Context(), "shop"); err == nil || got != nil || strings.Contains(err.Error(), "EXAMPLE") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		unwrap()
	}
}

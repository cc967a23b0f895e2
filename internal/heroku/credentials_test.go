package heroku_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

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
	for namespace, want := range map[string]reconcile.Credential{
		`null`:                         reconcile.CredentialDefault,
		`"connection-pooling:default"`: reconcile.CredentialDefault,
		`"credential:analyst"`:         reconcile.CredentialNamed,
		`"role:u2vi1nt40t3mcq|proxy:false|pool:leader"`: reconcile.CredentialUnknown,
		`"something-new"`: reconcile.CredentialUnknown,
	} {
		unwrap := server.Wrap(herokutest.Status(200, "application/json", fmt.Sprintf(`[{"name":"DATABASE","namespace":%s}]`, namespace)))
		if got, err := api.Credentials(t.Context(), "shop"); err != nil || got["DATABASE_URL"] != want {
			t.Errorf("%s: %q, %v", namespace, got, err)
		}
		unwrap()
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
		if got, err := api.Credentials(t.Context(), "shop"); err == nil || got != nil || strings.Contains(err.Error(), "EXAMPLE") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		unwrap()
	}
	var status *heroku.StatusError
	if _, err := api.Credentials(t.Context(), "none-such"); !errors.As(err, &status) || status.Code != 404 {
		t.Errorf("%v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := api.Credentials(ended, "shop"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

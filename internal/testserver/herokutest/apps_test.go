package herokutest_test

import (
	"testing"

	heroku "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/testserver/herokutest"
)

func TestAnAppIsMadeListedAndRemovedThroughTheAPI(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateForeignApp("foreign")
	client := newClient(t, s, s.Token())
	app, err := client.AppCreate(t.Context(), heroku.AppCreateOpts{Name: heroku.String("drill")})
	if err != nil || app.Name != "drill" {
		t.Fatal(app, err)
	}
	if _, err := client.CollaboratorCreate(t.Context(), "drill", heroku.CollaboratorCreateOpts{User: "ops@example.com"}); err != nil {
		t.Error(err)
	}
	for _, taken := range []string{"drill", "foreign"} {
		if _, err := client.AppCreate(t.Context(), heroku.AppCreateOpts{Name: &taken}); herokuError(t, err).StatusCode != 422 {
			t.Errorf("%q: %v", taken, err)
		}
	}
	if all, err := client.AppList(t.Context(), nil); err != nil || len(all) != 1 || all[0].ID != app.ID {
		t.Errorf("list %v, %v", all, err)
	}
	if _, err := client.AppDelete(t.Context(), "foreign"); herokuError(t, err).StatusCode != 403 {
		t.Errorf("another account's app: %v", err)
	}
	if _, err := client.AppDelete(t.Context(), "drill"); err != nil {
		t.Error(err)
	}
	if _, err := client.ConfigVarInfoForApp(t.Context(), "drill"); herokuError(t, err).StatusCode != 404 {
		t.Errorf("after its removal: %v", err)
	}
	if _, err := client.AppCreate(t.Context(), heroku.AppCreateOpts{Name: heroku.String("drill")}); err != nil {
		t.Errorf("its name is not free: %v", err)
	}
}

func TestADatabaseIsSoldThroughTheAPI(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi")
	client := newClient(t, s, s.Token())
	buy := func(plan string) (*heroku.AddOn, error) {
		return client.AddOnCreate(t.Context(), "sushi", heroku.AddOnCreateOpts{Plan: plan})
	}
	if _, err := buy("heroku-postgresql:essential-0"); herokuError(t, err).StatusCode != 422 {
		t.Errorf("without a database to sell: %v", err)
	}
	db := &fakeDatabase{}
	s.SellDatabases(func() (herokutest.Database, error) { return db, nil })
	if _, err := buy("heroku-redis:mini"); herokuError(t, err).StatusCode != 422 {
		t.Errorf("another service: %v", err)
	}
	bought, err := buy("heroku-postgresql:essential-0")
	if err != nil {
		t.Fatal(err)
	}
	if got := configVar(t, s, "sushi", "DATABASE_URL"); got != db.URL() {
		t.Errorf("DATABASE_URL is %q", got)
	}
	if o := s.AddOn(bought.Name); o == nil || o.ID != bought.ID {
		t.Errorf("the add-on %s is %v", bought.Name, o)
	}
	if s.AddOn("none") != nil {
		t.Error("there is an add-on none")
	}
}

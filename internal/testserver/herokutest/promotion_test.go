package herokutest

import "testing"

func TestPromotionLeavesAMomentWithoutDatabaseURL(t *testing.T) {
	t.Parallel()
	s := fixture(t)
	app := s.CreateApp("sushi")
	before := &AddOn{identity: identity{Name: "postgresql-amber-12345"}, app: app, alias: "HEROKU_POSTGRESQL_AMBER"}
	before.attach(primary)
	app.Set("DATABASE_URL", "EXAMPLE")
	app.detachPrimary()
	if status, answer := do(t, s, "GET", "/apps/sushi/config-vars", ""); status != 200 || answer != "{}" {
		t.Errorf("got %d %s", status, answer)
	}
	if got := before.attachment(); got != before.alias {
		t.Errorf("the database before is still attached as %s", got)
	}
}

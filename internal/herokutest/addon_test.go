package herokutest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	heroku "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/herokutest"
)

// descriptions are those of the releases after the first n, oldest first, with
// the add-on's name taken out.
func descriptions(t *testing.T, s *herokutest.Server, app string, n int, addons ...*herokutest.AddOn) (all []string) {
	t.Helper()
	releases, err := newClient(t, s, s.Token()).ReleaseList(t.Context(), app, &heroku.ListRange{Field: "version"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range releases[n:] {
		text := r.Description
		for i, o := range addons {
			text = strings.ReplaceAll(text, o.Name, string(rune('A'+i)))
		}
		all = append(all, text)
	}
	return all
}

func TestProvisionedDatabaseHasTwoNames(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	first := s.Provision(app, &fakeDatabase{})
	second := s.Provision(app, &fakeDatabase{host: 1})
	for name, want := range map[string]string{
		"DATABASE_URL": "host0", "HEROKU_POSTGRESQL_" + first.Color + "_URL": "host0", "HEROKU_POSTGRESQL_" + second.Color + "_URL": "host1",
	} {
		if got := configVar(t, s, "sushi", name); !strings.Contains(got, want) {
			t.Errorf("%s is %s", name, got)
		}
	}
	want := []string{"Attach DATABASE (@ref:A)", "@ref:A completed provisioning, setting DATABASE_URL.",
		"Attach HEROKU_POSTGRESQL_BLUE (@ref:B)", "@ref:B completed provisioning, setting HEROKU_POSTGRESQL_BLUE_URL."}
	if got := descriptions(t, s, "sushi", 1, first, second); !slices.Equal(got, want) {
		t.Errorf("releases %q", got)
	}
	vars, err := newClient(t, s, s.Token()).ConfigVarInfoForAppRelease(t.Context(), "sushi", "2")
	if err != nil || len(vars) != 0 {
		t.Errorf("before it is provisioned: %v, %v", vars, err)
	}
}

func TestColorsDoNotRunOut(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	seen := map[string]bool{}
	for range 40 {
		seen[s.Provision(s.CreateApp("app-"+string(rune('a'+len(seen)%26))+string(rune('a'+len(seen)/26))), &fakeDatabase{}).Color] = true
	}
	if len(seen) != 40 {
		t.Errorf("%d colours for 40 add-ons", len(seen))
	}
}

func TestChangeOfTheDatabaseReachesAllAttachmentsOfAllApps(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(t *testing.T, o *herokutest.AddOn) error
		want   string
	}{
		"rotation":            {func(t *testing.T, o *herokutest.AddOn) error { return o.Rotate(t.Context()) }, "user0:pw-example-1@host0"},
		"failover":            {func(t *testing.T, o *herokutest.AddOn) error { return o.FailOver(t.Context()) }, "user0:pw-example-0@host1"},
		"rotation with grace": {func(t *testing.T, o *herokutest.AddOn) error { _, err := o.RotateWithGrace(t.Context()); return err }, "user1:pw-example-0@host0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			owner, guest := s.CreateApp("owner"), s.CreateApp("guest")
			addon := s.Provision(owner, &fakeDatabase{})
			for _, as := range []string{"ANALYTICS", "REPORTS"} {
				if err := s.Attach(addon, guest, as); err != nil {
					t.Fatal(err)
				}
			}
			if err := tt.change(t, addon); err != nil {
				t.Fatal(err)
			}
			for _, v := range [][2]string{{"owner", "DATABASE_URL"}, {"owner", "HEROKU_POSTGRESQL_AMBER_URL"}, {"guest", "ANALYTICS_URL"}, {"guest", "REPORTS_URL"}} {
				if got := configVar(t, s, v[0], v[1]); !strings.Contains(got, tt.want) {
					t.Errorf("%s of %s is %s", v[1], v[0], got)
				}
			}
			if got := descriptions(t, s, "owner", 3); !slices.Equal(got, []string{"Update DATABASE by heroku-postgresql"}) {
				t.Errorf("releases of the owner %q", got)
			}
			if got := descriptions(t, s, "guest", 3); !slices.Equal(got, []string{"Update ANALYTICS by heroku-postgresql"}) {
				t.Errorf("releases of the guest %q", got)
			}
		})
	}
}

func TestAddOnsReleaseIsByTheAddOn(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	addon := s.Provision(app, &fakeDatabase{})
	r := newReceiver(t)
	subscribe(t, s, "sushi", "sync", r.URL)
	if err := addon.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	idle(t, s)
	const account = "heroku-postgresql@addons.heroku.com"
	event := decode(t, r.notices()[0].body)
	data := event["data"].(map[string]any)
	if event["actor"].(map[string]any)["email"] != account || data["user"].(map[string]any)["email"] != account {
		t.Errorf("event by %v, release by %v", event["actor"], data["user"])
	}
	release, err := newClient(t, s, s.Token()).ReleaseInfo(t.Context(), "sushi", "4")
	if err != nil || release.User.Email != account || !slices.Equal(release.AddonPlanNames, []string{"heroku-postgresql:standard-0"}) {
		t.Errorf("release %+v, %v", release, err)
	}
}

// The value is there when the event comes, unless it is held.
func TestEventComesAfterTheNewValue(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	db := &fakeDatabase{}
	addon := s.Provision(app, db)
	held := s.HoldDeliveries()
	r := newReceiver(t)
	subscribe(t, s, "sushi", "sync", r.URL)
	if err := addon.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := configVar(t, s, "sushi", "DATABASE_URL"); got != db.URL() || len(r.notices()) != 0 {
		t.Errorf("%s with %d notices", got, len(r.notices()))
	}
	held()
	idle(t, s)
	if got := r.releases(); !slices.Equal(got, []seen{{4, "create"}, {4, "update"}}) {
		t.Errorf("notices %v", got)
	}
}

func TestGraceEndsWhenTheCallerSays(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	db := &fakeDatabase{}
	end, err := s.Provision(s.CreateApp("sushi"), db).RotateWithGrace(t.Context())
	if err != nil || len(db.ended) != 0 {
		t.Fatalf("ended %v, %v", db.ended, err)
	}
	if err := end(t.Context()); err != nil || !slices.Equal(db.ended, []int{0}) {
		t.Errorf("ended %v, %v", db.ended, err)
	}
}

func TestFailedChangeAnnouncesNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	broken := errors.New("out of order")
	addon := s.Provision(s.CreateApp("sushi"), &fakeDatabase{broken: broken})
	_, graceErr := addon.RotateWithGrace(t.Context())
	for _, err := range []error{addon.Rotate(t.Context()), addon.FailOver(t.Context()), graceErr} {
		if !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
	}
	if got := descriptions(t, s, "sushi", 3); len(got) != 0 {
		t.Errorf("releases %q", got)
	}
}

func TestPromotionLeavesAMomentWithoutDatabaseURL(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	first, second := s.Provision(app, &fakeDatabase{}), s.Provision(app, &fakeDatabase{host: 1})
	if err := s.Promote(app, second); err != nil {
		t.Fatal(err)
	}
	if got := configVar(t, s, "sushi", "DATABASE_URL"); !strings.Contains(got, "host1") {
		t.Errorf("promoted to %s", got)
	}
	want := []string{"Detach DATABASE (@ref:A)", "Attach DATABASE (@ref:B)"}
	if got := descriptions(t, s, "sushi", 5, first, second); !slices.Equal(got, want) {
		t.Errorf("releases %q", got)
	}
	vars, err := newClient(t, s, s.Token()).ConfigVarInfoForAppRelease(t.Context(), "sushi", "6")
	if _, there := vars["DATABASE_URL"]; err != nil || there {
		t.Errorf("between the two releases the config is %v, %v", vars, err)
	}
}

func TestPromotionKeepsTheDatabaseBeforeItAttached(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	first, second := s.Provision(app, &fakeDatabase{}), s.Provision(app, &fakeDatabase{host: 1})
	if err := s.Detach(app, "HEROKU_POSTGRESQL_"+first.Color); err != nil {
		t.Fatal(err)
	}
	if err := s.Promote(app, second); err != nil {
		t.Fatal(err)
	}
	if got := configVar(t, s, "sushi", "HEROKU_POSTGRESQL_"+first.Color+"_URL"); !strings.Contains(got, "host0") {
		t.Errorf("the database before is %q", got)
	}
}

func TestNamesOfAttachmentsAreUnique(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app, other := s.CreateApp("sushi"), s.CreateApp("ramen")
	addon := s.Provision(app, &fakeDatabase{})
	if err := s.Attach(addon, app, "DATABASE"); err == nil {
		t.Error("a name was given twice")
	}
	if err := s.Detach(other, "DATABASE"); err == nil {
		t.Error("what is not attached was detached")
	}
	if err := s.Promote(other, addon); err == nil {
		t.Error("a database was promoted over none")
	}
}

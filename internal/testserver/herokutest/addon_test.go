package herokutest_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	heroku "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/testserver/herokutest"
)

// descriptions are those of the releases of the app sushi after the first n,
// oldest first.
func descriptions(t *testing.T, s *herokutest.Server, n int) (all []string) {
	t.Helper()
	releases, err := newClient(t, s, s.Token()).ReleaseList(t.Context(), "sushi", &heroku.ListRange{Field: "version"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range releases[n:] {
		all = append(all, r.Description)
	}
	return all
}

// checkVars fails the test unless each config var of the app sushi contains what
// is wanted of it.
func checkVars(t *testing.T, s *herokutest.Server, want map[string]string) {
	t.Helper()
	for name, part := range want {
		if got := configVar(t, s, "sushi", name); !strings.Contains(got, part) {
			t.Errorf("%s is %q, want %q in it", name, got, part)
		}
	}
}

func TestProvisionedDatabaseHasTwoNames(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	s.Provision(app, &fakeDatabase{})
	s.Provision(app, &fakeDatabase{host: 1})
	checkVars(t, s, map[string]string{"DATABASE_URL": "host0", "HEROKU_POSTGRESQL_AMBER_URL": "host0", "HEROKU_POSTGRESQL_BLUE_URL": "host1"})
	want := []string{"Attach DATABASE (@ref:postgresql-amber-12345)", "@ref:postgresql-amber-12345 completed provisioning, setting DATABASE_URL.",
		"Attach HEROKU_POSTGRESQL_BLUE (@ref:postgresql-blue-12345)", "@ref:postgresql-blue-12345 completed provisioning, setting HEROKU_POSTGRESQL_BLUE_URL."}
	if got := descriptions(t, s, 1); !slices.Equal(got, want) {
		t.Errorf("releases %q", got)
	}
}

func TestAttachmentsTellWhichCredentialAConfigVarHas(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	addon := s.Provision(app, &fakeDatabase{})
	analyst := addon.AttachCredential("REPORTS", "analyst", &fakeDatabase{host: 3})
	attachments, err := newClient(t, s, s.Token()).AddOnAttachmentListByApp(t.Context(), "sushi", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, a := range attachments {
		got[a.Name] = a.Addon.Name + " null"
		if a.Namespace != nil {
			got[a.Name] = a.Addon.Name + " " + *a.Namespace
		}
		if a.App.ID != app.ID || a.Addon.App.Name != "sushi" || a.ID == "" || a.CreatedAt.IsZero() {
			t.Errorf("got %+v", a)
		}
	}
	const name = "postgresql-amber-12345 "
	if want := map[string]string{"DATABASE": name + "null", "HEROKU_POSTGRESQL_AMBER": name + "null", "REPORTS": name + "credential:analyst"}; !maps.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if _, err := analyst.RotateWithGrace(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkVars(t, s, map[string]string{"DATABASE_URL": "user0:pw-example-0@host0", "REPORTS_URL": "user1:pw-example-0@host3"})
	if got := descriptions(t, s, 3); !slices.Equal(got, []string{"Attach REPORTS (@ref:postgresql-amber-12345)", "Update REPORTS by heroku-postgresql"}) {
		t.Errorf("releases %q", got)
	}
}

func TestChangeOfTheDatabaseReachesAllItsNames(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(ctx context.Context, o *herokutest.AddOn) error
		want   string
	}{
		"rotation": {func(ctx context.Context, o *herokutest.AddOn) error { return o.Rotate(ctx) }, "user0:pw-example-1@host0"},
		"failover": {func(ctx context.Context, o *herokutest.AddOn) error { return o.FailOver(ctx) }, "user0:pw-example-0@host1"},
		"rotation with grace": {func(ctx context.Context, o *herokutest.AddOn) error {
			_, err := o.RotateWithGrace(ctx)
			return err
		}, "user1:pw-example-0@host0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			app := s.CreateApp("sushi")
			changed := s.Provision(app, &fakeDatabase{})
			s.Provision(app, &fakeDatabase{host: 7})
			if err := tt.change(t.Context(), changed); err != nil {
				t.Fatal(err)
			}
			checkVars(t, s, map[string]string{"DATABASE_URL": tt.want, "HEROKU_POSTGRESQL_AMBER_URL": tt.want, "HEROKU_POSTGRESQL_BLUE_URL": "host7"})
			if got := descriptions(t, s, 5); !slices.Equal(got, []string{"Update DATABASE by heroku-postgresql"}) {
				t.Errorf("releases %q", got)
			}
		})
	}
}

func TestReleaseOfAnAddOnIsByTheAddOnAndNamesItsAttachment(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	s.Provision(app, &fakeDatabase{})
	second := s.Provision(app, &fakeDatabase{})
	r := newReceiver(t)
	subscribe(t, s, "sync", r.URL)
	if err := second.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	idle(t, s)
	const account = "heroku-postgresql@addons.heroku.com"
	event := decode(t, r.notices()[0].body)
	data := event["data"].(map[string]any)
	if event["actor"].(map[string]any)["email"] != account || data["user"].(map[string]any)["email"] != account {
		t.Errorf("event by %v, release by %v", event["actor"], data["user"])
	}
	if data["description"] != "Update HEROKU_POSTGRESQL_BLUE by heroku-postgresql" {
		t.Errorf("release %v", data["description"])
	}
}

// The value is there when the event comes, unless it is held.
func TestEventComesAfterTheNewValue(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	db := &fakeDatabase{}
	addon := s.Provision(s.CreateApp("sushi"), db)
	release := s.HoldDeliveries()
	r := newReceiver(t)
	subscribe(t, s, "sync", r.URL)
	if err := addon.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := configVar(t, s, "sushi", "DATABASE_URL"); got != db.URL() || len(r.notices()) != 0 {
		t.Errorf("%s with %d notices", got, len(r.notices()))
	}
	release()
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
	if got := descriptions(t, s, 3); len(got) != 0 {
		t.Errorf("releases %q", got)
	}
}

func TestPromotionKeepsTheDatabaseBeforeUnderItsColour(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	s.Provision(app, &fakeDatabase{})
	s.Provision(app, &fakeDatabase{host: 1}).Promote()
	checkVars(t, s, map[string]string{"DATABASE_URL": "host1", "HEROKU_POSTGRESQL_AMBER_URL": "host0", "HEROKU_POSTGRESQL_BLUE_URL": "host1"})
	want := []string{"Detach DATABASE (@ref:postgresql-amber-12345)", "Attach DATABASE (@ref:postgresql-blue-12345)"}
	if got := descriptions(t, s, 5); !slices.Equal(got, want) {
		t.Errorf("releases %q", got)
	}
}

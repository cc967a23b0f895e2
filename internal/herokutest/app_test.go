package herokutest_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	heroku "github.com/heroku/heroku-go/v5"
)

func TestConfigVarsAreAllOrNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	app.Set("FOO", "bar")
	app.Set("EMPTY", "")
	app.SetNull("NOTHING")
	app.Set("GONE", "soon")
	app.Unset("GONE")
	vars, err := newClient(t, s, s.Token()).ConfigVarInfoForApp(t.Context(), app.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(vars)); !slices.Equal(got, []string{"EMPTY", "FOO", "NOTHING"}) {
		t.Errorf("names %v", got)
	}
	if *vars["FOO"] != "bar" || *vars["EMPTY"] != "" || vars["NOTHING"] != nil {
		t.Errorf("values %v", vars)
	}
}

func TestPatchSetsAndRemovesWithOneRelease(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	app.Set("OLD", "x")
	client := newClient(t, s, s.Token())
	vars, err := client.ConfigVarUpdate(t.Context(), "sushi", map[string]*string{"FOO": heroku.String("1"), "BAR": heroku.String("2"), "OLD": nil})
	if err != nil || len(vars) != 2 || *vars["FOO"] != "1" {
		t.Fatalf("answer %v, %v", vars, err)
	}
	if _, err := client.ConfigVarUpdate(t.Context(), "sushi", map[string]*string{}); err != nil {
		t.Fatal(err)
	}
	releases, err := client.ReleaseList(t.Context(), "sushi", &heroku.ListRange{Field: "version", Descending: true})
	if err != nil || releases[0].Version != 3 || releases[0].Description != "Set BAR, FOO; Remove OLD config vars" {
		t.Errorf("newest release %+v, %v", releases[0], err)
	}
}

func TestPatchCannotTouchWhatAnAddOnOwns(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	s.Provision(app, &fakeDatabase{})
	for _, value := range []*string{heroku.String("mine"), nil} {
		_, err := newClient(t, s, s.Token()).ConfigVarUpdate(t.Context(), "sushi", map[string]*string{"DATABASE_URL": value})
		if he := herokuError(t, err); he.StatusCode != 422 || !strings.Contains(he.Error(), "DATABASE_URL") {
			t.Errorf("got %d %v", he.StatusCode, he)
		}
	}
}

func TestHeldConfigVarsLagBehindTheirReleases(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	app.Set("FOO", "old")
	release := s.HoldConfigVars()
	nested := s.HoldConfigVars()
	app.Set("FOO", "new")
	later := s.CreateApp("ramen")
	later.Set("FOO", "ramen")

	client := newClient(t, s, s.Token())
	current, err := client.ReleaseInfo(t.Context(), "sushi", "3")
	if err != nil || !current.Current {
		t.Fatalf("the release is not announced: %+v, %v", current, err)
	}
	foo := func() []string {
		at, err := client.ConfigVarInfoForAppRelease(t.Context(), "sushi", "3")
		if err != nil {
			t.Fatal(err)
		}
		return []string{configVar(t, s, "sushi", "FOO"), *at["FOO"], configVar(t, s, "ramen", "FOO")}
	}
	nested()
	nested() // a second call does nothing
	if got := foo(); !slices.Equal(got, []string{"old", "old", "ramen"}) {
		t.Errorf("while held: %v", got)
	}
	release()
	if got := foo(); !slices.Equal(got, []string{"new", "new", "ramen"}) {
		t.Errorf("after that: %v", got)
	}
}

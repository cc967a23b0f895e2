package herokutest_test

import (
	"maps"
	"slices"
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
	vars, err := newClient(t, s, s.Token()).ConfigVarInfoForApp(t.Context(), "sushi")
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
	s.CreateApp("sushi").Set("OLD", "x")
	vars, err := newClient(t, s, s.Token()).ConfigVarUpdate(t.Context(), "sushi", map[string]*string{"FOO": heroku.String("1"), "BAR": heroku.String("2"), "OLD": nil})
	if err != nil || len(vars) != 2 || *vars["FOO"] != "1" || *vars["BAR"] != "2" {
		t.Errorf("answer %v, %v", vars, err)
	}
	if got := descriptions(t, s, 2); len(got) != 1 {
		t.Errorf("releases %q", got)
	}
}

func TestHeldConfigVarsLagBehindTheirReleases(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	app.Set("FOO", "old")
	release := s.HoldConfigVars()
	app.Set("FOO", "new")
	s.CreateApp("ramen").Set("FOO", "not held")
	if got := descriptions(t, s, 2); !slices.Equal(got, []string{"Set FOO config vars"}) {
		t.Errorf("the release is not announced: %q", got)
	}
	if got := configVar(t, s, "sushi", "FOO"); got != "old" {
		t.Errorf("while held: %s", got)
	}
	if got := configVar(t, s, "ramen", "FOO"); got != "not held" {
		t.Errorf("an app made later: %q", got)
	}
	release()
	if got := configVar(t, s, "sushi", "FOO"); got != "new" {
		t.Errorf("after that: %s", got)
	}
}

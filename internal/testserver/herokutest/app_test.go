package herokutest_test

import (
	"encoding/json"
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

func TestAPatchCannotTouchWhatAnAttachmentOwns(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	s.Provision(app, &fakeDatabase{})
	tests := map[string]struct {
		patch  map[string]*string
		refuse string // the names in the refusal
	}{
		"set":              {map[string]*string{"DATABASE_URL": heroku.String("mine"), "FOO": heroku.String("bar")}, "DATABASE_URL"},
		"set to its value": {map[string]*string{"DATABASE_URL": heroku.String((&fakeDatabase{}).URL())}, "DATABASE_URL"},
		"remove":           {map[string]*string{"HEROKU_POSTGRESQL_AMBER_URL": nil, "DATABASE_URL": nil}, "DATABASE_URL, HEROKU_POSTGRESQL_AMBER_URL"},
		"one like it":      {map[string]*string{"DATABASE": heroku.String("mine"), "MY_DATABASE_URL": heroku.String("mine")}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := newClient(t, s, s.Token()).ConfigVarUpdate(t.Context(), "sushi", tt.patch)
			if tt.refuse == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			he := herokuError(t, err)
			if he.StatusCode != 422 || he.ID != "invalid_params" || he.Error() != "Cannot overwrite attachment values "+tt.refuse+"." {
				t.Errorf("got %d %s %q", he.StatusCode, he.ID, he.Error())
			}
		})
	}
	if got := configVar(t, s, "sushi", "FOO") + configVar(t, s, "sushi", "DATABASE_URL"); got != (&fakeDatabase{}).URL() {
		t.Errorf("a patch that was refused left %q", got)
	}
}

func TestForeignAppsAreForbiddenAndMissingOnesNotFound(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	foreign := s.CreateForeignApp("ramen")
	tests := map[string]struct {
		app      string
		status   int
		id       string
		resource string
	}{
		"of another account":    {"ramen", 403, "forbidden", ""},
		"the same, by its id":   {foreign.ID, 403, "forbidden", ""},
		"one that is not there": {"sushi", 404, "not_found", "app"},
		"an unknown id":         {"01234567-89ab-4def-8123-456789abcdef", 404, "not_found", "app"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"config-vars", "releases", "webhooks"} {
				resp := raw(t, s, "GET", "/apps/"+tt.app+"/"+path, "", nil)
				var e struct{ ID, Message, Resource string }
				if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || e.Message == "" {
					t.Errorf("%s: message %q, %v", path, e.Message, err)
				}
				if resp.StatusCode != tt.status || e.ID != tt.id || e.Resource != tt.resource {
					t.Errorf("%s: got %d %+v", path, resp.StatusCode, e)
				}
			}
		})
	}
}

package herokutest_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"testing"

	heroku "github.com/heroku/heroku-go/v5"
)

func TestEveryChangeIsARelease(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	app.Set("FOO", "1")
	app.Unset("FOO")
	app.SetNull("BAR")
	releases, err := newClient(t, s, s.Token()).ReleaseList(t.Context(), "sushi", &heroku.ListRange{Field: "version"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Initial release", "Set FOO config vars", "Remove FOO config vars", "Set BAR config vars"}
	if len(releases) != len(want) {
		t.Fatalf("%d releases", len(releases))
	}
	for i, r := range releases {
		if r.Version != i+1 || r.Description != want[i] || r.Status != "succeeded" || r.Current != (i == len(want)-1) {
			t.Errorf("release %d: %+v", i+1, r)
		}
	}
}

func TestListsComeInRanges(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	for i := range 11 {
		app.Set("N", strconv.Itoa(i))
	} // 12 releases, so that 9 and 10 show whether versions are numbers
	tests := map[string]struct {
		header   string
		status   int
		versions []int
	}{
		"the newest":       {"version ..; max=3, order=desc", 206, []int{12, 11, 10}},
		"heroku-go's form": {"version ..; max=1,order=desc", 206, []int{12}},
		"the oldest":       {"version ..; max=2; order=asc", 206, []int{1, 2}},
		"all of them":      {"version ..; max=12", 200, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
		"with bounds":      {"version 9..11", 416, nil},
		"with an end":      {"version ..11", 416, nil},
		"unknown field":    {"color ..", 416, nil},
		"unknown option":   {"version ..; speed=fast", 416, nil},
		"too many":         {"version ..; max=1001", 416, nil},
		"no range at all":  {"gibberish", 416, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			resp := raw(t, s, "GET", "/apps/sushi/releases", "", map[string]string{"Range": tt.header})
			if got := versions(t, resp); resp.StatusCode != tt.status || !slices.Equal(got, tt.versions) {
				t.Errorf("got %d %v, want %d %v", resp.StatusCode, got, tt.status, tt.versions)
			}
		})
	}
}

func versions(t *testing.T, resp *http.Response) (all []int) {
	t.Helper()
	if resp.StatusCode >= 300 {
		return nil
	}
	var releases []struct{ Version int }
	if err := json.NewDecoder(resp.Body).Decode(&releases); err != nil {
		t.Fatal(err)
	}
	for _, r := range releases {
		all = append(all, r.Version)
	}
	return all
}

func TestReleasesWithoutARangeAreTheFirst200ByVersion(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	for range 200 {
		app.Unset("FOO")
	}
	resp := raw(t, s, "GET", "/apps/sushi/releases", "", nil)
	got := versions(t, resp)
	if resp.StatusCode != 206 || len(got) != 200 || got[0] != 1 || !slices.IsSorted(got) {
		t.Errorf("got %d with %d releases, sorted: %t", resp.StatusCode, len(got), slices.IsSorted(got))
	}
}

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
	app.Deploy()
	app.SetNull("BAR")
	releases, err := newClient(t, s, s.Token()).ReleaseList(t.Context(), "sushi", &heroku.ListRange{Field: "version"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Initial release", "Set FOO config vars", "Remove FOO config vars", "Deploy 1a5f89db", "Set BAR config vars"}
	for i, r := range releases {
		if r.Version != i+1 || r.Description != want[i] || r.Status != "succeeded" || r.Current != (i == len(want)-1) {
			t.Errorf("release %d: %+v", i+1, r)
		}
		if (r.Slug != nil) != (i >= 3) {
			t.Errorf("release %d has slug %v", i+1, r.Slug)
		}
	}
	if len(releases) != len(want) {
		t.Errorf("%d releases", len(releases))
	}
}

func TestReleaseIsFoundByVersionOrIDWithItsConfig(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	app := s.CreateApp("sushi")
	app.Set("FOO", "1")
	app.Set("FOO", "2")
	client := newClient(t, s, s.Token())
	second, err := client.ReleaseInfo(t.Context(), "sushi", "2")
	if err != nil {
		t.Fatal(err)
	}
	byID, err := client.ReleaseInfo(t.Context(), "sushi", second.ID)
	if err != nil || byID.Version != 2 || byID.Current {
		t.Errorf("by id: %+v, %v", byID, err)
	}
	for id, want := range map[string]string{"2": "1", second.ID: "1", "3": "2"} {
		vars, err := client.ConfigVarInfoForAppRelease(t.Context(), "sushi", id)
		if err != nil || *vars["FOO"] != want {
			t.Errorf("config of release %s: %v, %v", id, vars, err)
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
		next     string
	}{
		"the newest":       {"version ..; max=3, order=desc", 206, []int{12, 11, 10}, "version ]10..; max=3, order=desc"},
		"what comes after": {"version ]10..; max=3, order=desc", 206, []int{9, 8, 7}, "version ]7..; max=3, order=desc"},
		"the last part":    {"version ]11..; max=3", 200, []int{12}, ""},
		"between bounds":   {"version 9..11", 200, []int{9, 10, 11}, ""},
		"heroku-go's form": {"version ..; max=2,order=asc", 206, []int{1, 2}, "version ]2..; max=2"},
		"nothing":          {"version 99..", 200, nil, ""},
		"unknown field":    {"color ..", 416, nil, ""},
		"unknown option":   {"version ..; speed=fast", 416, nil, ""},
		"too many":         {"version ..; max=1001", 416, nil, ""},
		"no range at all":  {"gibberish", 416, nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			resp := raw(t, s, "GET", "/apps/sushi/releases", map[string]string{"Range": tt.header})
			if resp.StatusCode != tt.status || resp.Header.Get("Next-Range") != tt.next {
				t.Errorf("got %d, next %q", resp.StatusCode, resp.Header.Get("Next-Range"))
			}
			if got := versions(t, resp); !slices.Equal(got, tt.versions) {
				t.Errorf("got %v, want %v", got, tt.versions)
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

func TestContentRangeNamesTheBounds(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi").Set("FOO", "1")
	resp := raw(t, s, "GET", "/apps/sushi/releases", map[string]string{"Range": "version ..; order=desc"})
	if got := resp.Header.Get("Content-Range"); got != "version 2..1" {
		t.Errorf("Content-Range %q", got)
	}
	if got := resp.Header.Get("Accept-Ranges"); got != "id, version" {
		t.Errorf("Accept-Ranges %q", got)
	}
}

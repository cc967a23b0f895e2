package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/keeper"
)

func result(name string, outcome keeper.Outcome, err error) keeper.Result {
	return keeper.Result{
		Binding: binding.Binding{Secret: binding.Secret{Name: name}, Source: binding.Source{App: "shop"}, ConfigVar: "DATABASE_URL"},
		Outcome: outcome,
		Err:     err,
	}
}

func TestReportCountsAndNames(t *testing.T) {
	t.Parallel()
	r := newReport(false, []keeper.Result{
		result("f", keeper.Held, errors.New("held back")),
		result("a", keeper.Published, nil),
		result("b", keeper.Published, errors.New("not verified")),
		result("c", keeper.Unchanged, nil),
		result("d", keeper.Off, nil),
		result("e", keeper.Deferred, keeper.ErrRateLimited),
	})
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"dryRun":false,"bindings":6,"published":2,"unchanged":1,"held":1,"failed":0,"deferred":1,"off":1,"deferredBecause":{"Heroku's rate limit is used up":1},` +
		`"changes":[{"app":"shop","configVar":"DATABASE_URL","secret":"a","outcome":"published"},` +
		`{"app":"shop","configVar":"DATABASE_URL","secret":"b","outcome":"published","error":"not verified"}],` +
		`"problems":[{"app":"shop","configVar":"DATABASE_URL","secret":"b","outcome":"published","error":"not verified"},` +
		`{"app":"shop","configVar":"DATABASE_URL","secret":"f","outcome":"held","error":"held back"}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if r.err() != nil {
		t.Errorf("nothing has failed, but: %v", r.err())
	}
}

func TestReportOfNothing(t *testing.T) {
	t.Parallel()
	r := newReport(true, nil)
	if got, _ := json.Marshal(r); string(got) != `{"dryRun":true,"bindings":0,"published":0,"unchanged":0,"held":0,"failed":0,"deferred":0,"off":0}` || r.err() != nil {
		t.Errorf("%s, %v", got, r.err())
	}
}

func TestTheErrorNamesTheFirstFailures(t *testing.T) {
	t.Parallel()
	var results []keeper.Result
	for i := range 25 {
		results = append(results, result(fmt.Sprintf("s%02d", i), keeper.Failed, fmt.Errorf("failure %02d", i)), result("ok", keeper.Unchanged, nil))
	}
	message := newReport(false, results).err().Error()
	for _, part := range []string{"25 of 50 bindings failed", "failure 00", "failure 09", "and 15 more"} {
		if !strings.Contains(message, part) {
			t.Errorf("the error does not say %q: %s", part, message)
		}
	}
	if strings.Contains(message, "failure 10") {
		t.Errorf("the error is too long: %s", message)
	}
}

// What Lambda returns and what CloudWatch takes is bounded, and an estate is not.
func TestAReportStaysSmall(t *testing.T) {
	t.Parallel()
	var results []keeper.Result
	for i := range 40_000 {
		name := fmt.Sprintf("team/of/some/length/secret-%05d", i)
		results = append(results, result(name, keeper.Deferred, keeper.ErrReserve), result(name, keeper.Failed, errors.New("some failure that takes its words")))
	}
	results = append(results, result("zz", keeper.Held, errors.New("held")))
	r := newReport(true, results)
	if text, _ := json.Marshal(r); len(text) > 200_000 {
		t.Errorf("%d bytes", len(text))
	}
	r.plan(results)
	text, _ := json.Marshal(r)
	if len(text) > 6_000_000 || r.Plan[0].Outcome == keeper.Deferred || r.Plan[len(r.Plan)-1].Outcome != keeper.Failed {
		t.Errorf("%d bytes, from %v to %v", len(text), r.Plan[0], r.Plan[len(r.Plan)-1])
	}
}

func TestARoundThatLookedAtNothingIsNotGood(t *testing.T) {
	t.Parallel()
	deferred := result("d", keeper.Deferred, keeper.ErrRateLimited)
	tests := map[string]struct {
		results []keeper.Result
		good    bool
	}{
		"no bindings":           {nil, true},
		"unchanged":             {[]keeper.Result{result("a", keeper.Unchanged, nil), deferred}, true},
		"held":                  {[]keeper.Result{result("a", keeper.Held, nil)}, true},
		"all opted out":         {[]keeper.Result{result("a", keeper.Off, nil)}, true},
		"nothing but deferrals": {[]keeper.Result{deferred}, false},
		"one failed":            {[]keeper.Result{result("a", keeper.Unchanged, nil), result("b", keeper.Failed, nil)}, false},
	}
	for name, tt := range tests {
		if newReport(false, tt.results).good() != tt.good {
			t.Errorf("%s: good is not %t", name, tt.good)
		}
	}
}

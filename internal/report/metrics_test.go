package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/report"
)

func TestNoLineCarriesMoreThanAHundredValues(t *testing.T) {
	t.Parallel()
	set := report.Metrics{"Published": {1}}
	for i := range 250 {
		set.Add("Lag", float64(i))
	}
	var out bytes.Buffer
	report.Writer{Out: &out, Function: "poller"}.Write(set)
	var lags, published []float64
	lines := 0
	for line := range bytes.Lines(out.Bytes()) {
		lines++
		var said struct{ Lag, Published []float64 }
		if err := json.Unmarshal(line, &said); err != nil {
			t.Fatal(err)
		}
		if len(said.Lag) > 100 {
			t.Errorf("%d values", len(said.Lag))
		}
		lags, published = append(lags, said.Lag...), append(published, said.Published...)
	}
	if len(set["Lag"]) != 250 {
		t.Errorf("the set has lost values to the log: %d are left", len(set["Lag"]))
	}
	if lines != 3 || len(lags) != 250 || lags[249] != 249 || len(published) != 1 {
		t.Errorf("%d lines, %d lags, published %v", lines, len(lags), published)
	}
}

func TestNothingIsWrittenOfNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	report.Writer{Out: &out}.Write(nil)
	if out.Len() > 0 {
		t.Errorf("%s", &out)
	}
}

func TestResultsAreCounted(t *testing.T) {
	t.Parallel()
	now := time.Now()
	followed := reconcile.Binding{Secret: reconcile.Secret{Current: "the version before"}}
	results := []reconcile.Result{
		{Outcome: reconcile.Published, Binding: followed, Released: now.Add(-2 * time.Second), Moved: now, Conflicts: 2, Login: &reconcile.Login{Took: 20 * time.Millisecond}},
		{Outcome: reconcile.Published, Moved: now}, // a first value has no lag
		{Outcome: reconcile.Published},             // a pause
		{Outcome: reconcile.Unchanged, Repeats: 3},
		{Outcome: reconcile.Held},
		{Outcome: reconcile.Failed, Err: fmt.Errorf("Heroku answered 403: %w", reconcile.ErrToken)},
		{Outcome: reconcile.Deferred},
		{Outcome: reconcile.Off},
	}
	got := report.Measure(results)
	want := report.Metrics{
		"Published": {2}, "Pending": {1}, "Unchanged": {1}, "Held": {1}, "Failed": {1}, "Deferred": {1},
		"Conflicts": {2}, "LookedAgain": {1}, "TokenRefused": {1}, "Lag": {2}, "LoginTime": {20},
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	for name := range got {
		if report.MetricUnits[name] == "" {
			t.Errorf("%s has no unit", name)
		}
	}
}

// CloudWatch charges a metric by the hour in which it is written.
func TestCountsThatAreZeroAreNotWritten(t *testing.T) {
	t.Parallel()
	if set := report.Measure(nil); len(set) > 0 {
		t.Errorf("of nothing: %v", set)
	}
	set := report.Measure([]reconcile.Result{{Outcome: reconcile.Unchanged}})
	set.Count("Bindings", 0)
	if want := (report.Metrics{"Unchanged": {1}}); !maps.EqualFunc(set, want, slices.Equal) {
		t.Errorf("of a binding that is equal: %v", set)
	}
}

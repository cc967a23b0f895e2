package main

import (
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/reconcile"
)

// ours looks like an id of ours, and theirs is one that AWS makes for a person.
var (
	ours   = strings.Repeat("0a", 32)
	theirs = "EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE"
)

// resultOf is a result of a binding whose secret had that version.
func resultOf(outcome reconcile.Outcome, current string) reconcile.Result {
	r := reconcile.Result{Outcome: outcome}
	r.ARN, r.ConfigVar, r.Current = "arn", "DATABASE_URL", current
	if outcome == reconcile.Published {
		r.Moved = time.Now()
	}
	return r
}

// A row has the outcome of each minute: f(ailed), h(eld), d(eferred), u(nchanged), and a digit for
// each minute in which the binding is in trouble.
func TestATroubleThatLastsStaysWhilePollsDeferTheApp(t *testing.T) {
	t.Parallel()
	outcomes := map[rune]reconcile.Outcome{'f': reconcile.Failed, 'h': reconcile.Held, 'd': reconcile.Deferred, 'u': reconcile.Unchanged}
	for outcome, want := range map[string]string{
		"ffffu":              "11110",
		"fdddfdddfdddfdddud": "100010001000111100", // ten minutes after the first, the third check counts until the next
		"hdddhdddhdddh":      "1000100010001",
		"fdddudddfdddfdddf":  "10000000100010001", // one that goes well ends it
		"fffffddddddddd":     "11111000000000",    // five minutes are no lasting trouble
	} {
		var h history
		var got strings.Builder
		start := time.Date(2026, time.November, 26, 0, 0, 0, 0, time.UTC)
		for minute, letter := range outcome {
			n, _ := h.note([]reconcile.Result{resultOf(outcomes[letter], ours)}, start.Add(time.Duration(minute)*time.Minute))
			got.WriteByte('0' + byte(n))
		}
		if got.String() != want {
			t.Errorf("%s: in trouble in %s, want %s", outcome, got.String(), want)
		}
	}
}

func TestAFightWithAnotherWriterIsTroubleUntilItEnds(t *testing.T) {
	t.Parallel()
	var h history
	start := time.Date(2026, time.November, 26, 0, 0, 0, 0, time.UTC)
	for minute := range 60 {
		r := resultOf(reconcile.Unchanged, ours)
		if minute == 10 || minute == 25 { // the fifth and the sixth within an hour
			r = resultOf(reconcile.Published, theirs)
			r.TooOften = true
		}
		if minute == 15 { // a check that fails does not end the fight
			r = resultOf(reconcile.Failed, ours)
		}
		want := 0
		if minute >= 10 && minute <= 45 {
			want = 1
		}
		if n, _ := h.note([]reconcile.Result{r}, start.Add(time.Duration(minute)*time.Minute)); n != want {
			t.Errorf("minute %d: %d are in trouble, want %d", minute, n, want)
		}
	}
}

func TestOnlyAChangeByHerokuWasMissed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before []reconcile.Result // each of a round of its own
		want   int
	}{
		"over a version of ours":                      {nil, 1},
		"over one that a person has put":              {[]reconcile.Result{resultOf(reconcile.Unchanged, ours)}, 0},
		"over a person's, which was equal before":     {[]reconcile.Result{resultOf(reconcile.Unchanged, theirs)}, 1},
		"and a poll between has deferred the app":     {[]reconcile.Result{resultOf(reconcile.Unchanged, theirs), resultOf(reconcile.Deferred, theirs)}, 1},
		"over another person's":                       {[]reconcile.Result{resultOf(reconcile.Unchanged, "another")}, 0},
		"after a poll that failed":                    {[]reconcile.Result{resultOf(reconcile.Failed, ours)}, 0},
		"after one that failed and one that deferred": {[]reconcile.Result{resultOf(reconcile.Failed, ours), resultOf(reconcile.Deferred, ours)}, 0},
	} {
		var h history
		for _, r := range tt.before {
			h.note([]reconcile.Result{r}, time.Now())
		}
		current := theirs
		if tt.before == nil || tt.before[0].Outcome == reconcile.Failed {
			current = ours
		}
		second := resultOf(reconcile.Published, ours) // goes on from what the first has published
		second.ConfigVar = "REDIS_URL"
		results := []reconcile.Result{resultOf(reconcile.Published, current)}
		if tt.want == 0 && current == theirs {
			results = append(results, second)
		}
		if _, missed := h.note(results, time.Now()); missed != tt.want {
			t.Errorf("%s: %d were missed, want %d", name, missed, tt.want)
		}
	}
}

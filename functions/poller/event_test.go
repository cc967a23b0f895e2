package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestAnEventIsRead(t *testing.T) {
	t.Parallel()
	tests := map[string]event{
		`{"dryRun":true}`:        {DryRun: true},
		`{"dryrun":true}`:        {DryRun: true},
		`{"unsubscribe":"shop"}`: {Unsubscribe: "shop"},
		`{"unsubscribe":"shop","token":"team-b/heroku-token"}`: {Unsubscribe: "shop", Token: "team-b/heroku-token"},
		`{"scheduled":"2026-11-22T12:00:00Z"}`:                 {Scheduled: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)},
		`{"dryRun":true,"scheduled":"2026-11-22T12:00:00Z"}`:   {DryRun: true, Scheduled: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)},
	}
	for text, want := range tests {
		if got, err := parseEvent([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

// testdata/poller-events.json says what each event does: a round that may write, a dry
// run, an unsubscription, or nothing, because it is refused.
func TestAnEventDoesWhatItsWordsSayExactlyOrNothing(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/poller-events.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Cases []struct {
			Event json.RawMessage
			Does  string
		}
	}
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	for _, tt := range table.Cases {
		if got := does(tt.Event); got != tt.Does {
			t.Errorf("%s: %s, want %s", tt.Event, got, tt.Does)
		}
	}
	if len(table.Cases) < 50 {
		t.Errorf("%d cases", len(table.Cases))
	}
}

// does names what an event asks for.
func does(text []byte) string {
	e, err := parseEvent(text)
	switch {
	case err != nil && e == (event{}):
		return "refused"
	case e.DryRun && e.Unsubscribe == "":
		return "dry"
	case e.Unsubscribe != "" && !e.DryRun:
		return "unsubscribe"
	case !e.DryRun && e.Unsubscribe == "":
		return "round"
	}
	return "both"
}

// The table is JSON and cannot have these cases: text that is not JSON, and a name that
// is there twice, of which json.Unmarshal takes the last.
func TestAnEventThatIsNotOneObjectIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, `{`, `{"dryRun"`, `{"dryRun":`, `{"dryRun":true`, `{}{}`, `{"dryRun":true}{}`, `{"dryRun":tru}`, "\xff", `{,}`,
		`{"dryRun":true,"dryRun":false}`, `{"dryRun":true,"dryrun":false}`, `{"detail":{},"detail":{"dryRun":true}}`,
	} {
		if got := does([]byte(text)); got != "refused" {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestARefusalSaysTheWords(t *testing.T) {
	t.Parallel()
	_, err := parseEvent([]byte(`{"dry_run":true}`))
	for _, word := range []string{`{"dryRun": true}`, `{"unsubscribe": "APP"}`, `"token"`, `{}`, `"scheduled"`, "nothing was done"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %s: %v", word, err)
		}
	}
}

// A text that says "dry run" somewhere never becomes a round that writes, unless it says
// false.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"dryRun":true}`))
	f.Add([]byte(`{"dry_run":true}`))
	f.Add([]byte(`{"detail-type":"Scheduled Event","detail":{"dryRun":true}}`))
	f.Add([]byte(`{"detail":"{\"dryRun\":true}"}`))
	f.Add([]byte(`{"dry\u0052un":true,"scheduled":"2026-11-22T12:00:00Z"}`))
	f.Add([]byte(`{"unsubscribe":"shop","token":"team-b/heroku-token"}`))
	f.Add([]byte(`{"detail-type":"Scheduled Event","input":{"dryRun":true},"body":"dry run","resources":["dry_run"]}`))
	f.Add([]byte(`{"detail-type":"Scheduled Event","dry":true,"plan":1,"Detail":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		did := does(text)
		if did == "both" {
			t.Fatalf("%q: a dry run that unsubscribes", text)
		}
		if did != "round" {
			return
		}
		var said map[string]any
		if err := json.Unmarshal(text, &said); err != nil || said == nil {
			t.Fatalf("%q is a round, and no object", text)
		}
		for name, value := range said {
			if strings.EqualFold(name, "dryRun") && value == false {
				continue
			}
			inner, _ := json.Marshal(value)
			if whole := name + " " + string(inner); ourWords.MatchString(strings.ToLower(whole)) || name == "dry" || name == "plan" {
				t.Errorf("%q is a round in spite of %s", text, whole)
			}
			if value == true || value == nil {
				t.Errorf("%q is a round in spite of the %v of %s", text, value, name)
			}
		}
	})
}

// ourWords are the words that no round has anywhere.
var ourWords = regexp.MustCompile(`dry[^a-z]*run|un[^a-z]*subscribe`)

// A round starts late by a varying time, but the event carries the time of the schedule.
func TestTheNextRoundHasTheNextNumber(t *testing.T) {
	t.Parallel()
	for _, period := range []time.Duration{time.Minute, 5 * time.Minute, 2 * time.Hour} {
		e, err := parseEvent([]byte(`{"scheduled":"2026-11-22T12:34:56Z"}`))
		if err != nil {
			t.Fatal(err)
		}
		before := e.roundNumber(period)
		for range 100 {
			e.Scheduled = e.Scheduled.Add(period)
			if number := e.roundNumber(period); number != before+1 {
				t.Fatalf("every %v: round %d comes after %d", period, number, before)
			}
			before++
		}
	}
	if now := (event{}).roundNumber(time.Minute); now < 29_000_000 {
		t.Errorf("without a time the round is %d", now)
	}
}

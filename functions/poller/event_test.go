package main

import (
	"encoding/json"
	"testing"
	"time"
)

func TestAWishIsRead(t *testing.T) {
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
		var got event
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestAnEventThatSaysNothingOfOursIsARound(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`, `null`, `[]`, `"round"`, `7`, `{"source":"aws.scheduler"}`, `{"dryRun":false}`, `{"dryRun":null}`,
		`{"scheduled":"2026-11-22T12:00:00Z"}`, `{"scheduled":"some day"}`, `{"scheduled":7}`,
	} {
		var e event
		if err := json.Unmarshal([]byte(text), &e); err != nil || e.DryRun || e.Unsubscribe != "" {
			t.Errorf("%s: %+v, %v", text, e, err)
		}
	}
}

func TestAWishThatIsNotUnderstoodIsNoRound(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"dryRun":"true"}`, `{"dryRun":1}`, `{"unsubscribe":true}`, `{"unsubscribe":["shop"]}`,
		`{"unsubscribe":"shop","token":1}`, `{"dryRun":true,"unsubscribe":"shop"}`,
		`{"dryRun":true,"dryrun":false}`, `{"dryRun":true,"DRYRUN":null}`,
	} {
		var e event
		if err := json.Unmarshal([]byte(text), &e); err == nil {
			t.Errorf("%s is taken for %+v", text, e)
		}
	}
}

// The schedule is late by a different time each time; what it meant is not.
func TestTheNextRoundHasTheNextTurn(t *testing.T) {
	t.Parallel()
	for _, period := range []time.Duration{time.Minute, 5 * time.Minute, 2 * time.Hour} {
		var e event
		if err := json.Unmarshal([]byte(`{"scheduled":"2026-11-22T12:34:56Z"}`), &e); err != nil {
			t.Fatal(err)
		}
		before := e.turn(period)
		for range 100 {
			e.Scheduled = e.Scheduled.Add(period)
			if turn := e.turn(period); turn != before+1 {
				t.Fatalf("every %v: turn %d comes after %d", period, turn, before)
			}
			before++
		}
	}
	if now := (event{}).turn(time.Minute); now < 29_000_000 {
		t.Errorf("without a time the turn is %d", now)
	}
}

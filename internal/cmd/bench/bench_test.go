package main

import (
	"slices"
	"testing"
	"time"
)

func TestAPartBringsWhatItNeeds(t *testing.T) {
	t.Parallel()
	for only, want := range map[string][]string{
		"":          {"start", "path", "signature", "poller"},
		"start":     {"start"},
		"path":      {"start", "path"}, // the start is in its floor
		"signature": {"signature"},
		"poller":    {"poller"},
	} {
		parts, err := (&bench{}).parts(only)
		var got []string
		for _, p := range parts {
			got = append(got, p.name)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %v, error %v, want %v", only, got, err, want)
		}
	}
	if _, err := (&bench{}).parts("nonsense"); err == nil {
		t.Error("a part that there is not is measured")
	}
}

func TestWaitsThatFollowEachOtherAddUp(t *testing.T) {
	t.Parallel()
	got := along("x", uniform(time.Hour), sample{3 * time.Second, time.Second, 2 * time.Second})
	want := way{"x", time.Second, 30*time.Minute + 2*time.Second, time.Hour + 3*time.Second}
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAFloorIsTheSumOfTheCallsThatFollowEachOther(t *testing.T) {
	t.Parallel()
	const login = 1000 * time.Millisecond
	d := distances{aws: far{2 * time.Millisecond, 8 * time.Millisecond}, heroku: far{80 * time.Millisecond, 70 * time.Millisecond}}
	const swap = (1 + 8) * time.Millisecond // AWSCURRENT moves before the answer travels
	for name, test := range map[string]struct{ got, want time.Duration }{
		"warm": {d.warmFloor(login), 10*time.Millisecond + 150*time.Millisecond + login + swap},
		"idle": {d.idleFloor(login), 2*80*time.Millisecond + 150*time.Millisecond + login + swap},
		"cold": {d.coldFloor(login), 2*80*time.Millisecond + 150*time.Millisecond + login + swap},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %v, want %v", name, test.got, test.want)
		}
	}
}

package main

import (
	"testing"
	"time"
)

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

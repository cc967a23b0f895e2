package main

import (
	"slices"
	"time"
)

// sample is a number of times that were measured.
type sample []time.Duration

func (s sample) median() time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return (sorted[(len(s)-1)/2] + sorted[len(s)/2]) / 2
}

func (s sample) worst() time.Duration {
	if len(s) == 0 {
		return 0
	}
	return slices.Max(s)
}

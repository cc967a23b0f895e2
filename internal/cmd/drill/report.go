package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"
)

// finding is what became of one check.
type finding struct {
	Check   string             `json:"check"`
	Verdict string             `json:"verdict"`
	Says    string             `json:"says"`
	Figures map[string]float64 `json:"figures,omitempty"`
	Seconds float64            `json:"seconds"`
}

// The verdicts.
const (
	passed     = "pass"
	failed     = "FAIL"
	notChecked = "not checked"
)

// fact is an answer to a question that the documentation of Heroku or AWS leaves open.
type fact struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// report is the file that can be attached to an issue. It has no credential.
type report struct {
	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"`
	Stack   string    `json:"stack,omitempty"`
	Region  string    `json:"region,omitempty"`
	Poll    float64   `json:"pollSeconds"`
	// Complete is false if the drill was interrupted, and Removed if something is left.
	Complete bool      `json:"complete"`
	Removed  bool      `json:"removed"`
	Checks   []finding `json:"checks"`
	Facts    []fact    `json:"facts"`
}

func (d *drill) save(file string, complete, removed bool) error {
	r := report{Began: d.began, Seconds: seconds(time.Since(d.began)), Poll: seconds(d.pace.poll), Complete: complete, Removed: removed, Checks: d.findings, Facts: d.facts}
	if d.cloud != nil {
		r.Stack, r.Region = d.cloud.stack, d.cloud.region
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// table prints everything once more, below each other.
func (d *drill) table() {
	fmt.Fprintln(d.out)
	count := make(map[string]int)
	for _, f := range d.findings {
		count[f.Verdict]++
		fmt.Fprintf(d.out, "  %-11s  %-10s %6.1f s  %s\n", f.Verdict, f.Check, f.Seconds, f.Says)
	}
	fmt.Fprintf(d.out, "\n%d passed, %d failed, %d not checked\n", count[passed], count[failed], count[notChecked])
	for _, f := range d.facts {
		fmt.Fprintf(d.out, "\n  %s\n    %s\n", f.Question, f.Answer)
	}
}

// sample is a number of times that were measured.
type sample []time.Duration

func (s sample) median() time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return (sorted[(len(s)-1)/2] + sorted[len(s)/2]) / 2
}

func (s sample) worst() time.Duration { return slices.Max(append(s, 0)) }

func (s sample) String() string {
	return fmt.Sprintf("median %s, worst %s", round(s.median()), round(s.worst()))
}

func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

func round(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Second)
}

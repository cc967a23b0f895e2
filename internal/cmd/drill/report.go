package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// report is the file that can be attached to an issue. It names no account, and no
// credential.
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
	if err := os.WriteFile(file, []byte(d.clean(string(text))+"\n"), 0o644); err != nil {
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

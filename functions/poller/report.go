package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"keepcurrent.example/internal/keeper"
)

// report is the result of a round. In a dry run, published counts what would
// have been.
type report struct {
	DryRun    bool `json:"dryRun"`
	Bindings  int  `json:"bindings"`
	Published int  `json:"published"`
	Unchanged int  `json:"unchanged"`
	Held      int  `json:"held"`
	Failed    int  `json:"failed"`
	Deferred  int  `json:"deferred"`
	Off       int  `json:"off"`
	// Plan tells of every binding, in a dry run that was asked for.
	Plan     []line `json:"plan,omitempty"`
	Changes  []line `json:"changes,omitempty"`
	Problems []line `json:"problems,omitempty"`
	// Subscriptions names the apps whose webhook was seen to, or should have been.
	Subscriptions []subscribed `json:"subscriptions,omitempty"`
}

// subscribed is what was done about the webhook of one app. Trouble with it is a
// warning: the poller keeps the secrets without it.
type subscribed struct {
	App   string `json:"app"`
	Did   string `json:"did,omitempty"`
	State string `json:"state,omitempty"` // in a dry run: right, missing, wrong or doubled
	Error string `json:"error,omitempty"`
}

// line names one binding that changed, or was not well.
type line struct {
	App       string         `json:"app"`
	ConfigVar string         `json:"configVar"`
	Secret    string         `json:"secret"`
	Outcome   keeper.Outcome `json:"outcome"`
	Version   string         `json:"version,omitempty"`
	// Changes names the parts of the value that would be new, and LogsIn says
	// whether the candidate does; nil if it was not tried. Only in a plan.
	Changes []string `json:"changes,omitempty"`
	LogsIn  *bool    `json:"logsIn,omitempty"`
	Error   string   `json:"error,omitempty"`
}

func newReport(dryRun bool, results []keeper.Result) *report {
	r := &report{DryRun: dryRun, Bindings: len(results)}
	counters := map[keeper.Outcome]*int{
		keeper.Published: &r.Published,
		keeper.Unchanged: &r.Unchanged,
		keeper.Held:      &r.Held,
		keeper.Failed:    &r.Failed,
		keeper.Deferred:  &r.Deferred,
		keeper.Off:       &r.Off,
	}
	for _, result := range results {
		*counters[result.Outcome]++
		l := lineOf(result)
		if result.Outcome == keeper.Published {
			r.Changes = append(r.Changes, l)
		}
		if result.Err != nil {
			r.Problems = append(r.Problems, l)
		}
	}
	slices.SortFunc(r.Changes, bySecret)
	slices.SortFunc(r.Problems, bySecret)
	return r
}

func bySecret(a, b line) int { return cmp.Compare(a.Secret, b.Secret) }

// plan adds a line for every binding.
func (r *report) plan(results []keeper.Result) {
	for _, result := range results {
		l := lineOf(result)
		l.Changes = result.Changes
		if result.Login != nil {
			l.LogsIn = new(result.Login.Err == nil)
		}
		r.Plan = append(r.Plan, l)
	}
	slices.SortFunc(r.Plan, bySecret)
}

func lineOf(r keeper.Result) line {
	l := line{App: r.App, ConfigVar: r.ConfigVar, Secret: r.Name, Outcome: r.Outcome, Version: r.Version}
	if r.Err != nil {
		l.Error = r.Err.Error()
	}
	return l
}

// maxNamed bounds how many bindings the error names; the report in the log has
// all of them.
const maxNamed = 10

// err is nil unless a binding failed.
func (r *report) err() error {
	if r.Failed == 0 {
		return nil
	}
	var failures []string
	for _, p := range r.Problems {
		if p.Outcome == keeper.Failed && len(failures) < maxNamed {
			failures = append(failures, p.Error)
		}
	}
	if more := r.Failed - len(failures); more > 0 {
		failures = append(failures, fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("%d of %d bindings failed: %s", r.Failed, r.Bindings, strings.Join(failures, "; "))
}

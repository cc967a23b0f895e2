package main

import (
	"cmp"
	"errors"
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
	// DeferredBecause counts the deferred ones by the reason.
	DeferredBecause map[string]int `json:"deferredBecause,omitempty"`
	// Plan tells of every binding, in a dry run that was asked for.
	Plan []line `json:"plan,omitempty"`
	// Changes and Problems name at most maxNamed bindings each.
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
		switch {
		case result.Outcome == keeper.Deferred:
			r.deferred(result.Err)
		case result.Err != nil:
			r.Problems = append(r.Problems, l)
		}
	}
	slices.SortFunc(r.Changes, bySecret)
	slices.SortFunc(r.Problems, bySecret)
	r.Changes, r.Problems = first(r.Changes, maxNamed), first(r.Problems, maxNamed)
	return r
}

// maxNamed is how many bindings a list names. An event of CloudWatch's has at most
// 1 MiB (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html).
const maxNamed = 100

func first(lines []line, most int) []line { return lines[:min(len(lines), most)] }

func (r *report) deferred(why error) {
	if r.DeferredBecause == nil {
		r.DeferredBecause = make(map[string]int)
	}
	for _, reason := range []error{keeper.ErrRateLimited, keeper.ErrReserve, keeper.ErrNoTime} {
		if errors.Is(why, reason) {
			r.DeferredBecause[reason.Error()]++
		}
	}
}

// good reports whether the round looked at something, if there was anything to look
// at, and nothing failed.
func (r *report) good() bool {
	looked := r.Published + r.Unchanged + r.Held
	return r.Failed == 0 && (looked > 0 || r.Deferred == 0)
}

func bySecret(a, b line) int { return cmp.Compare(a.Secret, b.Secret) }

// maxPlan is how many bindings a plan names, those that need a person first: what
// Lambda returns has at most 6 MB
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const maxPlan = 5000

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
	needy := func(l line) int {
		if l.Outcome == keeper.Failed || l.Outcome == keeper.Held || len(l.Changes) > 0 {
			return 0
		}
		return 1
	}
	slices.SortFunc(r.Plan, func(a, b line) int { return cmp.Or(needy(a)-needy(b), bySecret(a, b)) })
	r.Plan = first(r.Plan, maxPlan)
	slices.SortFunc(r.Plan, bySecret)
}

func lineOf(r keeper.Result) line {
	l := line{App: r.App, ConfigVar: r.ConfigVar, Secret: r.Name, Outcome: r.Outcome, Version: r.Version}
	if r.Err != nil {
		l.Error = r.Err.Error()
	}
	return l
}

// err is nil unless a binding failed.
func (r *report) err() error {
	if r.Failed == 0 {
		return nil
	}
	var failures []string
	for _, p := range r.Problems {
		if p.Outcome == keeper.Failed && len(failures) < 10 { // the log has more
			failures = append(failures, p.Error)
		}
	}
	if more := r.Failed - len(failures); more > 0 {
		failures = append(failures, fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("%d of %d bindings failed: %s", r.Failed, r.Bindings, strings.Join(failures, "; "))
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keepcurrent.example/internal/reconcile"
)

// report is the result of a round. In a dry run, published counts the bindings that a
// round would publish.
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
	// Subscriptions names the apps whose webhook was created, repaired or removed, or whose
	// check failed: at most maxNamed in a round.
	Subscriptions []subscribed `json:"subscriptions,omitempty"`
	// LeftOut counts the lines that a list has no space for, by the list's name.
	LeftOut map[string]int `json:"leftOut,omitempty"`
}

// subscribed says what was done about the webhook of one app. An error with it is only
// a warning: the poller updates the secrets without webhooks.
type subscribed struct {
	App   string `json:"app"`
	Did   string `json:"did,omitempty"`
	State string `json:"state,omitempty"` // in a dry run: right, missing, wrong or doubled
	Error string `json:"error,omitempty"`
}

// line names one binding that changed or has a problem.
type line struct {
	App       string            `json:"app"`
	ConfigVar string            `json:"configVar"`
	Secret    string            `json:"secret"`
	Outcome   reconcile.Outcome `json:"outcome"`
	Version   string            `json:"version,omitempty"`
	// Changes names the parts of the value that would be new. LogsIn says whether the
	// candidate logs in; it is nil if that was not tried. Both are only in a plan.
	Changes []string `json:"changes,omitempty"`
	LogsIn  *bool    `json:"logsIn,omitempty"`
	Error   string   `json:"error,omitempty"`
}

func newReport(dryRun bool, results []reconcile.Result) *report {
	r := &report{DryRun: dryRun, Bindings: len(results)}
	counters := map[reconcile.Outcome]*int{
		reconcile.Published: &r.Published,
		reconcile.Unchanged: &r.Unchanged,
		reconcile.Held:      &r.Held,
		reconcile.Failed:    &r.Failed,
		reconcile.Deferred:  &r.Deferred,
		reconcile.Off:       &r.Off,
		reconcile.Elsewhere: &r.Off,
	}
	for _, result := range results {
		*counters[result.Outcome]++
		l := lineOf(result)
		if result.Outcome == reconcile.Published {
			r.Changes = append(r.Changes, l)
		}
		switch {
		case result.Outcome == reconcile.Deferred:
			r.deferred(result.Err)
		case result.Err != nil:
			r.Problems = append(r.Problems, l)
		}
	}
	slices.SortFunc(r.Changes, bySecret)
	slices.SortFunc(r.Problems, bySecret)
	r.Changes = fit(r, "changes", r.Changes, maxNamed, maxList)
	r.Problems = fit(r, "problems", r.Problems, maxNamed, maxList)
	return r
}

// subscribe adds as many lines about subscriptions as there is space for, those with an
// error first.
func (r *report) subscribe(lines []subscribed, most, bytes int) {
	slices.SortStableFunc(lines, func(a, b subscribed) int { return a.rank() - b.rank() })
	r.Subscriptions = fit(r, "subscriptions", lines, most, bytes)
	slices.SortFunc(r.Subscriptions, func(a, b subscribed) int { return cmp.Compare(a.App, b.App) })
}

// rank is 0 for an error, 1 for a subscription that is not right, and 2 for the others.
func (s subscribed) rank() int {
	switch {
	case s.Error != "":
		return 0
	case s.State != "" && s.State != "right":
		return 1
	}
	return 2
}

func (r *report) deferred(why error) {
	if r.DeferredBecause == nil {
		r.DeferredBecause = make(map[string]int)
	}
	for _, reason := range []error{reconcile.ErrRateLimited, reconcile.ErrReserve, reconcile.ErrNoTime} {
		if errors.Is(why, reason) {
			r.DeferredBecause[reason.Error()]++
		}
	}
}

// good reports whether no binding failed and, if there are bindings that are on, at
// least one was checked.
func (r *report) good() bool {
	looked := r.Published + r.Unchanged + r.Held
	return r.Failed == 0 && (looked > 0 || r.Deferred == 0)
}

func bySecret(a, b line) int { return cmp.Compare(a.Secret, b.Secret) }

// plan adds as many lines about bindings as there is space for: first those that need a
// person, then those that were not checked, then the others.
func (r *report) plan(results []reconcile.Result) {
	for _, result := range results {
		l := lineOf(result)
		l.Changes = result.Changes
		if result.Login != nil {
			l.LogsIn = new(result.Login.Err == nil)
		}
		r.Plan = append(r.Plan, l)
	}
	slices.SortFunc(r.Plan, func(a, b line) int { return cmp.Or(a.rank()-b.rank(), bySecret(a, b)) })
	r.Plan = fit(r, "plan", r.Plan, maxPlan, maxPlanBytes)
	slices.SortFunc(r.Plan, bySecret)
}

func (l line) rank() int {
	switch {
	case l.Outcome == reconcile.Failed, l.Outcome == reconcile.Held, len(l.Changes) > 0:
		return 0
	case l.Outcome == reconcile.Deferred:
		return 1
	}
	return 2
}

func lineOf(r reconcile.Result) line {
	l := line{App: r.App, ConfigVar: r.ConfigVar, Secret: r.Name, Outcome: r.Outcome, Version: r.Version}
	if r.Outcome == reconcile.Elsewhere { // the contract has one word for both
		l.Outcome = reconcile.Off
	}
	if r.Err != nil {
		l.Error = reconcile.Text(r.Err)
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
		if p.Outcome == reconcile.Failed && len(failures) < 10 { // the log has more
			failures = append(failures, p.Error)
		}
	}
	if more := r.Failed - len(failures); more > 0 {
		failures = append(failures, fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("%d of %d bindings failed: %s", r.Failed, r.Bindings, strings.Join(failures, "; "))
}

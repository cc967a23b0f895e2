// Package report says how a run came out: a [Report] is the poller's answer, and [Metrics] are
// what [Measure] counts in the results of a run of either function. A [Writer] writes metrics
// to the log, in the format from which CloudWatch makes them.
package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"keepcurrent.example/internal/reconcile"
)

// Report is the poller's answer, and a line of its log. Its JSON is a contract, which
// docs/reference.md describes. In a dry run, Published counts the bindings that a round would publish.
type Report struct {
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
	// Plan tells of every binding, if the event asked for a dry run. A round of a paused
	// stack, which is a dry run too, has none.
	Plan []Line `json:"plan,omitempty"`
	// Changes and Problems name at most MaxNamed bindings each.
	Changes  []Line `json:"changes,omitempty"`
	Problems []Line `json:"problems,omitempty"`
	// Subscriptions names the apps whose webhook was created, repaired or removed, or whose
	// check failed: at most MaxNamed in a round.
	Subscriptions []Subscription `json:"subscriptions,omitempty"`
	// LeftOut counts the lines that a list has no space for, by the list's name.
	LeftOut map[string]int `json:"leftOut,omitempty"`
}

// Subscription says what was done about the webhook of one app. An error with it is only
// a warning: the poller updates the secrets without webhooks.
type Subscription struct {
	App   Text `json:"app"`
	Did   Text `json:"did,omitempty"`
	State Text `json:"state,omitempty"` // in a dry run: right, missing, wrong, doubled or unknown
	Error Text `json:"error,omitempty"`
}

// Line names one binding that changed or has a problem.
type Line struct {
	App       Text `json:"app"`
	ConfigVar Text `json:"configVar"`
	Secret    Text `json:"secret"`
	Outcome   Text `json:"outcome"`
	Version   Text `json:"version,omitempty"`
	// Changes names the parts of the value that would be new. LogsIn says whether the
	// candidate logs in; it is nil if that was not tried. Credential says whose credential
	// the URL of a Postgres has: default, named or unknown. All are only in a plan.
	Changes    []Text `json:"changes,omitempty"`
	LogsIn     *bool  `json:"logsIn,omitempty"`
	Credential Text   `json:"credential,omitempty"`
	Error      Text   `json:"error,omitempty"`
}

// New counts the results of a round, and names those that changed or have a problem.
func New(dryRun bool, results []reconcile.Result) *Report {
	r := &Report{DryRun: dryRun, Bindings: len(results)}
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
	r.Changes = fit(r, "changes", r.Changes, MaxNamed, maxList)
	r.Problems = fit(r, "problems", r.Problems, MaxNamed, maxList)
	return r
}

// Subscribe adds as many lines about subscriptions as there is space for, those with an
// error first.
func (r *Report) Subscribe(lines []Subscription) {
	most, bytes := MaxNamed, maxList
	if r.DryRun {
		most, bytes = maxApps, maxSubscriptions
	}
	slices.SortStableFunc(lines, func(a, b Subscription) int { return a.rank() - b.rank() })
	r.Subscriptions = fit(r, "subscriptions", lines, most, bytes)
	slices.SortFunc(r.Subscriptions, func(a, b Subscription) int { return cmp.Compare(a.App, b.App) })
}

// rank is 0 for an error, 1 for a subscription that is not right, and 2 for the others.
func (s Subscription) rank() int {
	switch {
	case s.Error != "":
		return 0
	case s.State != "" && s.State != "right":
		return 1
	}
	return 2
}

func (r *Report) deferred(why error) {
	if r.DeferredBecause == nil {
		r.DeferredBecause = make(map[string]int)
	}
	for _, reason := range []error{reconcile.ErrRateLimited, reconcile.ErrReserve, reconcile.ErrNoTime} {
		if errors.Is(why, reason) {
			r.DeferredBecause[reason.Error()]++
		}
	}
}

// Good reports whether no binding failed and, if there are bindings that are on, at
// least one was checked.
func (r *Report) Good() bool {
	looked := r.Published + r.Unchanged + r.Held
	return r.Failed == 0 && (looked > 0 || r.Deferred == 0)
}

// bySecret orders lines by secret, and those of one secret by config var.
func bySecret(a, b Line) int {
	return cmp.Or(cmp.Compare(a.Secret, b.Secret), cmp.Compare(a.ConfigVar, b.ConfigVar))
}

// AddPlan adds as many lines about bindings as there is space for: first those that need a
// person, then those that were not checked, then the others.
func (r *Report) AddPlan(results []reconcile.Result) {
	for _, result := range results {
		l := lineOf(result)
		for _, part := range result.Changes {
			l.Changes = append(l.Changes, Text(part))
		}
		if result.Login != nil {
			l.LogsIn = new(result.Login.Err == nil)
		}
		l.Credential = Text(result.Credential)
		r.Plan = append(r.Plan, l)
	}
	slices.SortFunc(r.Plan, func(a, b Line) int { return cmp.Or(a.rank()-b.rank(), bySecret(a, b)) })
	r.Plan = fit(r, "plan", r.Plan, maxPlan, maxPlanBytes)
	slices.SortFunc(r.Plan, bySecret)
}

func (l Line) rank() int {
	switch {
	case l.is(reconcile.Failed), l.is(reconcile.Held), len(l.Changes) > 0:
		return 0
	case l.is(reconcile.Deferred):
		return 1
	}
	return 2
}

func (l Line) is(outcome reconcile.Outcome) bool { return l.Outcome == Text(outcome) }

func lineOf(r reconcile.Result) Line {
	l := Line{App: Text(r.App), ConfigVar: Text(r.ConfigVar), Secret: Text(r.Name), Outcome: Text(r.Outcome), Version: Text(r.Version)}
	if r.Outcome == reconcile.Elsewhere { // the contract has one word for both
		l.Outcome = Text(reconcile.Off)
	}
	if r.Err != nil {
		l.Error = Text(reconcile.Text(r.Err))
	}
	return l
}

// Err returns an error that names the first bindings that failed, nil if none did.
func (r *Report) Err() error {
	if r.Failed == 0 {
		return nil
	}
	var failures []string
	for _, p := range r.Problems {
		if p.is(reconcile.Failed) && len(failures) < 10 { // the log has more
			failures = append(failures, string(p.Error))
		}
	}
	if more := r.Failed - len(failures); more > 0 {
		failures = append(failures, fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("%d of %d bindings failed: %s", r.Failed, r.Bindings, strings.Join(failures, "; "))
}

// The bounds of a report. The report of a round is one line of the log, and CloudWatch
// limits a log event to 1 MiB, and limited it to 256 KiB when these bounds were chosen
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html).
// Lambda limits an answer to 6 MB
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html); the lists of a
// dry run have at most 5.3 MB together. Sizes are measured in JSON, so neither long names
// nor characters that JSON escapes make a report too large.
const (
	MaxNamed = 100    // lines of changes, of problems, and of a round's subscriptions
	maxList  = 80_000 // bytes of each of them

	maxPlan          = 5000 // lines of a plan
	maxPlanBytes     = 4_500_000
	maxApps          = 20_000 // lines of a dry run's subscriptions
	maxSubscriptions = 600_000
)

// fit returns as many of the first lines of a list as the bounds allow, and counts the
// others in the report.
func fit[T any](r *Report, name string, list []T, most, bytes int) []T {
	n := 0
	for n < min(len(list), most) {
		text, err := json.Marshal(list[n])
		if bytes -= len(text) + len(","); err != nil || bytes < 0 {
			break
		}
		n++
	}
	if n < len(list) {
		if r.LeftOut == nil {
			r.LeftOut = make(map[string]int)
		}
		r.LeftOut[name] = len(list) - n
	}
	return list[:n]
}

// Text is text of a report. When it is read it counts as untrusted: a tag can have any
// character, and a terminal executes some of them. Reading replaces the characters that
// cannot be printed, and white space by blanks.
type Text string

// UnmarshalJSON reads the text.
func (t *Text) UnmarshalJSON(raw []byte) error {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	*t = Text(strings.Map(printable, s))
	return nil
}

func printable(r rune) rune {
	switch {
	case unicode.IsPrint(r):
		return r
	case unicode.IsSpace(r): // some errors have several lines
		return ' '
	}
	return unicode.ReplacementChar
}

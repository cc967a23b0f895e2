package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"keepcurrent.example/internal/reconcile"
)

func result(name string, outcome reconcile.Outcome, err error) reconcile.Result {
	return reconcile.Result{
		Binding: reconcile.Binding{Secret: reconcile.Secret{Name: name}, Source: reconcile.Source{App: "shop"}, ConfigVar: "DATABASE_URL"},
		Outcome: outcome,
		Err:     err,
	}
}

func TestReportCountsAndNames(t *testing.T) {
	t.Parallel()
	r := New(false, []reconcile.Result{
		result("f", reconcile.Held, errors.New("held back")),
		result("a", reconcile.Published, nil),
		result("b", reconcile.Published, errors.New("not verified")),
		result("c", reconcile.Unchanged, nil),
		result("d", reconcile.Off, nil),
		result("elsewhere", reconcile.Elsewhere, nil),
		result("e", reconcile.Deferred, reconcile.ErrRateLimited),
	})
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"dryRun":false,"bindings":7,"published":2,"unchanged":1,"held":1,"failed":0,"deferred":1,"off":2,"deferredBecause":{"Heroku's rate limit is used up":1},` +
		`"changes":[{"app":"shop","configVar":"DATABASE_URL","secret":"a","outcome":"published"},` +
		`{"app":"shop","configVar":"DATABASE_URL","secret":"b","outcome":"published","error":"not verified"}],` +
		`"problems":[{"app":"shop","configVar":"DATABASE_URL","secret":"b","outcome":"published","error":"not verified"},` +
		`{"app":"shop","configVar":"DATABASE_URL","secret":"f","outcome":"held","error":"held back"}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if r.Err() != nil {
		t.Errorf("nothing has failed, but: %v", r.Err())
	}
}

// One run tells of a secret's config vars in the same order as any other.
func TestTheLinesOfOneSecretAreInTheOrderOfTheirConfigVars(t *testing.T) {
	t.Parallel()
	var results []reconcile.Result
	for _, name := range []string{"b", "a", "b", "a", "b"} {
		r := result(name, reconcile.Published, errors.New("not verified"))
		r.ConfigVar = fmt.Sprint("VAR_", 9-len(results))
		results = append(results, r)
	}
	report := New(true, results)
	report.AddPlan(results)
	for name, lines := range map[string][]Line{"changes": report.Changes, "problems": report.Problems, "plan": report.Plan} {
		var got []string
		for _, l := range lines {
			got = append(got, fmt.Sprint(l.Secret, " ", l.ConfigVar))
		}
		if fmt.Sprint(got) != "[a VAR_6 a VAR_8 b VAR_5 b VAR_7 b VAR_9]" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestReportOfNothing(t *testing.T) {
	t.Parallel()
	r := New(true, nil)
	if got, _ := json.Marshal(r); string(got) != `{"dryRun":true,"bindings":0,"published":0,"unchanged":0,"held":0,"failed":0,"deferred":0,"off":0}` || r.Err() != nil {
		t.Errorf("%s, %v", got, r.Err())
	}
}

func TestTheErrorNamesTheFirstFailures(t *testing.T) {
	t.Parallel()
	var results []reconcile.Result
	for i := range 25 {
		results = append(results, result(fmt.Sprintf("s%02d", i), reconcile.Failed, fmt.Errorf("failure %02d", i)), result("ok", reconcile.Unchanged, nil))
	}
	message := New(false, results).Err().Error()
	for _, part := range []string{"25 of 50 bindings failed", "failure 00", "failure 09", "and 15 more"} {
		if !strings.Contains(message, part) {
			t.Errorf("the error does not say %q: %s", part, message)
		}
	}
	if strings.Contains(message, "failure 10") {
		t.Errorf("the error is too long: %s", message)
	}
}

// Lambda and CloudWatch limit the size of a report; the number of bindings has no limit.
func TestAReportStaysSmall(t *testing.T) {
	t.Parallel()
	var results []reconcile.Result
	for i := range 40_000 {
		name := fmt.Sprintf("team/of/some/length/secret-%05d", i)
		results = append(results, result(name, reconcile.Deferred, reconcile.ErrReserve), result(name, reconcile.Failed, errors.New("some failure that takes its words")))
	}
	results = append(results, result("zz", reconcile.Held, errors.New("held")))
	r := New(true, results)
	if text, _ := json.Marshal(r); len(text) > 200_000 {
		t.Errorf("%d bytes", len(text))
	}
	r.AddPlan(results)
	text, _ := json.Marshal(r)
	if len(text) > 6_000_000 || r.Plan[0].is(reconcile.Deferred) || !r.Plan[len(r.Plan)-1].is(reconcile.Failed) {
		t.Errorf("%d bytes, from %v to %v", len(text), r.Plan[0], r.Plan[len(r.Plan)-1])
	}
}

// The worst that AWS and Heroku let a name be, and characters that JSON writes as six.
func longResult(i int, outcome reconcile.Outcome, err error) reconcile.Result {
	r := result(fmt.Sprintf("%05d/%s", i, strings.Repeat("<", 500)), outcome, err)
	r.ConfigVar = strings.Repeat("\u2028", 256)
	r.Version, r.App = strings.Repeat("f", 64), fmt.Sprintf("app-%05d", i)
	return r
}

func TestNoLengthOfANameOrAnErrorMakesAReportTooLarge(t *testing.T) {
	t.Parallel()
	long := errors.New(strings.Repeat("<\x00é", 1<<16))
	var results []reconcile.Result
	var lines []Subscription
	for i := range 6000 {
		results = append(results, longResult(2*i, reconcile.Published, long), longResult(2*i+1, reconcile.Failed, long))
		lines = append(lines, Subscription{App: Text(fmt.Sprintf("app-%05d", i)), Error: Text(reconcile.Text(long))})
	}
	r := New(false, results)
	r.Subscribe(slices.Clone(lines))
	if text, _ := json.Marshal(r); len(text) > 256<<10 || len(r.Changes) == 0 || len(r.Problems) == 0 || len(r.Subscriptions) == 0 {
		t.Errorf("a round: %d bytes, which name %d changes, %d problems and %d subscriptions", len(text), len(r.Changes), len(r.Problems), len(r.Subscriptions))
	}
	if r.LeftOut["changes"]+len(r.Changes) != 6000 || r.LeftOut["problems"]+len(r.Problems) != 12000 || r.LeftOut["subscriptions"]+len(r.Subscriptions) != 6000 {
		t.Errorf("left out: %v", r.LeftOut)
	}
	if message := r.Err().Error(); len(message) > 10*(reconcile.MaxText+100) || !strings.HasPrefix(message, "6000 of 12000 bindings failed") {
		t.Errorf("an error of %d bytes", len(message))
	}
	r = New(true, results)
	r.AddPlan(results)
	r.Subscribe(lines)
	text, _ := json.Marshal(r)
	if len(text) > 6_000_000 || len(r.Plan) < 200 || r.LeftOut["plan"]+len(r.Plan) != 12000 {
		t.Errorf("a dry run: %d bytes, %d lines, left out: %v", len(text), len(r.Plan), r.LeftOut)
	}
}

// With 4,800 apps that Heroku refuses, a round's line in the log had 1.4 MB.
func TestAReportNamesTheSubscriptionsWithTroubleFirst(t *testing.T) {
	t.Parallel()
	var lines []Subscription
	for i := range 4800 {
		line := Subscription{App: Text(fmt.Sprintf("app-%04d", i)), Did: "repaired"}
		switch {
		case i >= 4780:
			line = Subscription{App: line.App, Error: "refused"}
		case i >= 4770:
			line = Subscription{App: line.App, State: "missing"}
		}
		lines = append(lines, line)
	}
	r := New(false, nil)
	r.Subscribe(lines)
	if len(r.Subscriptions) != MaxNamed || r.LeftOut["subscriptions"] != 4700 {
		t.Fatalf("%d are named, left out: %v", len(r.Subscriptions), r.LeftOut)
	}
	if r.Subscriptions[69].Did != "repaired" || r.Subscriptions[70].State != "missing" || r.Subscriptions[80].Error == "" || r.Subscriptions[99].App != "app-4799" {
		t.Errorf("%+v", r.Subscriptions)
	}
}

// A plan leaves out first the bindings that need no action.
func TestAPlanNamesThoseFirstThatNeedAPerson(t *testing.T) {
	t.Parallel()
	var results []reconcile.Result
	for i := range maxPlan + 100 {
		results = append(results, result(fmt.Sprintf("s%05d", i), reconcile.Unchanged, nil))
	}
	for i, outcome := range map[int]reconcile.Outcome{maxPlan + 10: reconcile.Failed, maxPlan + 20: reconcile.Held, maxPlan + 30: reconcile.Deferred} {
		results[i].Outcome, results[i].Err = outcome, errors.New("some reason")
	}
	results[maxPlan+40].Outcome, results[maxPlan+40].Changes = reconcile.Published, []string{"password"}
	r := New(true, results)
	r.AddPlan(results)
	var named []reconcile.Outcome
	for _, l := range r.Plan[maxPlan-4:] {
		named = append(named, reconcile.Outcome(l.Outcome))
	}
	if want := []reconcile.Outcome{reconcile.Failed, reconcile.Held, reconcile.Deferred, reconcile.Published}; !slices.Equal(named, want) || r.LeftOut["plan"] != 100 {
		t.Errorf("the plan ends with %v, left out: %v", named, r.LeftOut)
	}
}

func TestARoundThatCheckedNothingIsNotGood(t *testing.T) {
	t.Parallel()
	deferred := result("d", reconcile.Deferred, reconcile.ErrRateLimited)
	tests := map[string]struct {
		results []reconcile.Result
		good    bool
	}{
		"no bindings":           {nil, true},
		"unchanged":             {[]reconcile.Result{result("a", reconcile.Unchanged, nil), deferred}, true},
		"held":                  {[]reconcile.Result{result("a", reconcile.Held, nil)}, true},
		"all opted out":         {[]reconcile.Result{result("a", reconcile.Off, nil)}, true},
		"nothing but deferrals": {[]reconcile.Result{deferred}, false},
		"one failed":            {[]reconcile.Result{result("a", reconcile.Unchanged, nil), result("b", reconcile.Failed, nil)}, false},
	}
	for name, tt := range tests {
		if New(false, tt.results).Good() != tt.good {
			t.Errorf("%s: good is not %t", name, tt.good)
		}
	}
}

// The names are the contract: programs that read the answer use them.
func TestAPlanInJSONIsTheContract(t *testing.T) {
	t.Parallel()
	published := result("a", reconcile.Published, errors.New("not\nverified"))
	published.Version, published.Changes, published.Login = "v1", []string{"password", "other keys"}, &reconcile.Login{}
	published.Credential = reconcile.CredentialDefault
	r := New(true, []reconcile.Result{published})
	r.AddPlan([]reconcile.Result{published})
	r.Changes, r.Problems = nil, nil
	r.Subscribe([]Subscription{{App: "shop", Did: "subscribed", State: "right", Error: "none"}})
	r.LeftOut = map[string]int{"plan": 3}
	got, err := json.Marshal(r)
	const want = `{"dryRun":true,"bindings":1,"published":1,"unchanged":0,"held":0,"failed":0,"deferred":0,"off":0,` +
		`"plan":[{"app":"shop","configVar":"DATABASE_URL","secret":"a","outcome":"published","version":"v1","changes":["password","other keys"],"logsIn":true,"credential":"default","error":"not; verified"}],` +
		`"subscriptions":[{"app":"shop","did":"subscribed","state":"right","error":"none"}],"leftOut":{"plan":3}}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWhatIsReadOfAReportIsPrintable(t *testing.T) {
	t.Parallel()
	var r Report
	if err := json.Unmarshal([]byte(`{"plan":[{"secret":"a\u001b[2J","error":"two\nlines"}]}`), &r); err != nil {
		t.Fatal(err)
	}
	if l := r.Plan[0]; l.Secret != "a\uFFFD[2J" || l.Error != "two lines" {
		t.Errorf("%q, %q", l.Secret, l.Error)
	}
}

// Bindings of one secret come out of a round in any order.
func TestTheLinesOfOneSecretAreInOrder(t *testing.T) {
	t.Parallel()
	var results []reconcile.Result
	for _, n := range rand.Perm(40) {
		r := result("service", reconcile.Published, errors.New("not verified"))
		r.ConfigVar = fmt.Sprintf("URL_%02d", n)
		results = append(results, r)
	}
	r := New(true, results)
	r.AddPlan(results)
	for name, lines := range map[string][]Line{"changes": r.Changes, "problems": r.Problems, "plan": r.Plan} {
		if len(lines) != 40 || !slices.IsSortedFunc(lines, func(a, b Line) int { return strings.Compare(string(a.ConfigVar), string(b.ConfigVar)) }) {
			t.Errorf("%s: %v", name, lines)
		}
	}
}

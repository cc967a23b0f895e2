package e2e_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	platform "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/testserver/lambdatest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// A crashPoint is where a function is killed.
type crashPoint struct {
	trigger, situation string
	call
	when string
}

func (p crashPoint) String() string { return p.when + " " + p.call.String() }

// finishers are the triggers that may follow a crash. The last of each finishes the job.
var finishers = map[string]func(b *bench) string{
	"the webhook's retry": func(b *bench) string { return b.run(webhook) },
	"a poll":              func(b *bench) string { return b.run(poller) },
	"another rotation and a poll": func(b *bench) string {
		b.rotate()
		b.shows(b.db.URL())
		return b.run(poller)
	},
}

// Lambda may end a function at any moment. The secret then has the old URL or the new
// one, and the next trigger finishes the job: the poll, or Heroku's retry after the 500.
// The test records the calls of a quiet run, so a call that is added later becomes a
// crash point too. Where the secret has keys of others, one of these is edited before the
// next trigger, and no late request may lose the edit.
func TestACrashAtAnyCallIsFinishedByTheNextTrigger(t *testing.T) {
	t.Parallel()
	for _, trigger := range []string{webhook, poller} {
		for _, situation := range []string{first, rotation, inObject} {
			t.Run(trigger+", "+situation, func(t *testing.T) {
				t.Parallel()
				b := openBench(t, stacktest.Config{Concurrency: 1})
				var table crashTable
				for _, point := range b.crashPoints(trigger, situation) {
					for finisher := range finishers {
						table.add(point, finisher, b.crash(point, finisher))
					}
				}
				t.Log(table.String())
			})
		}
	}
}

// crashPoints returns the crash points of a quiet run's calls. A call that writes may
// also lose its function and be carried out later, after all other runs.
func (b *bench) crashPoints(trigger, situation string) []crashPoint {
	b.t.Helper()
	var points []crashPoint
	for _, c := range b.quietRun(trigger, situation) {
		if situation == inObject && !c.isOfFormat() {
			continue
		}
		points = append(points, crashPoint{trigger, situation, c, before}, crashPoint{trigger, situation, c, after})
		if c.kind == put || c.kind == swap {
			points = append(points, crashPoint{trigger, situation, c, late})
		}
	}
	return points
}

// quietRun returns the calls of a run without faults.
func (b *bench) quietRun(trigger, situation string) []call {
	b.t.Helper()
	calls, settled := settle(func() []call {
		b.setUp(situation)
		b.listen(nil)
		answer := b.run(trigger)
		calls := b.heard()
		if want := quiet(trigger, situation); answer != want {
			b.t.Fatalf("a quiet run ends with %s, want %s", answer, want)
		}
		b.repair(situation)
		return calls
	})
	if !settled {
		b.t.Fatalf("%s, %s: no two quiet runs in a row make the same calls", trigger, situation)
	}
	return calls
}

// settle returns the calls of the first run that makes the same ones as the run before it,
// in whatever order, because some are made at the same time. One run is not enough: if the
// machine stands still for a second, a client repeats the call that it is waiting for. In
// other runs there is no such call, and every test of it would fail.
func settle(run func() []call) (calls []call, settled bool) {
	sorted := func(calls []call) []call {
		return slices.SortedFunc(slices.Values(calls), func(a, b call) int {
			return cmp.Or(strings.Compare(a.kind, b.kind), a.nth-b.nth)
		})
	}
	last := run()
	for range 5 {
		calls = run()
		if slices.Equal(sorted(calls), sorted(last)) {
			return calls, true
		}
		last = calls
	}
	return nil, false
}

// A call that one run alone makes is not taken for a call of every run.
func TestTheCallsOfEveryRunAreThoseOfTwoInARow(t *testing.T) {
	t.Parallel()
	usual, turned := []call{{describe, 1}, {put, 1}}, []call{{put, 1}, {describe, 1}}
	repeated := []call{{describe, 1}, {describe, 2}, {put, 1}}
	for name, test := range map[string]struct {
		runs [][]call
		want []call
	}{
		"the same twice":             {[][]call{usual, usual}, usual},
		"in another order":           {[][]call{usual, turned}, turned},
		"one repeated at first":      {[][]call{repeated, usual, usual}, usual},
		"one repeated later":         {[][]call{usual, repeated, usual, usual}, usual},
		"another repeated each time": {[][]call{usual, repeated, usual, repeated, usual, repeated}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls, settled := settle(func() []call {
				next := test.runs[0]
				test.runs = test.runs[1:]
				return next
			})
			if settled != (test.want != nil) || !slices.Equal(calls, test.want) {
				t.Errorf("got %v, settled: %t, want %v", calls, settled, test.want)
			}
			if len(test.runs) > 0 {
				t.Errorf("%d runs too few", len(test.runs))
			}
		})
	}
}

// crashed is the result of a crash.
type crashed struct{ caller, state, finish string }

// crash kills the function at a point and has another run finish its work.
func (b *bench) crash(point crashPoint, finisher string) (result crashed) {
	b.t.Helper()
	b.setUp(point.situation)
	result.caller, result.state = b.killAt(point, func() {
		if point.situation == inObject {
			b.edit()
		}
		result.finish = finishers[finisher](b)
		b.equal()
	})
	if want := map[string]string{webhook: "500", poller: "killed"}[point.trigger]; result.caller != want {
		b.t.Errorf("%v: the caller sees %s, want %s", point, result.caller, want)
	}
	if result.state != newer && result.state != unfilled(point.situation) {
		b.t.Errorf("%v: the secret holds %s", point, result.state)
	}
	b.equal()
	b.whole()
	b.must(b.db.Idle(b.t.Context()))
	if answer := b.run(poller); answer != "unchanged" {
		b.t.Errorf("%v: the poll after %s says %s", point, finisher, answer)
	}
	return result
}

// killAt starts a run, kills the function at a point of it, and then finishes. It returns
// what the caller sees of the crash, and the state of the secret after it.
func (b *bench) killAt(point crashPoint, finish func()) (caller, state string) {
	b.t.Helper()
	function := map[string]*lambdatest.Function{webhook: b.Webhook, poller: b.Poller}[point.trigger]
	brake := newBrake()
	defer brake.release()
	b.listen(func(c call) trouble {
		if c == point.call {
			return brake.at(b, point.when)
		}
		return trouble{}
	})
	over := make(chan struct{})
	var killing sync.WaitGroup
	killing.Go(func() {
		select {
		case <-brake.reached:
			function.Kill()
		case <-over:
			b.t.Errorf("%v: not reached", point)
		}
	})
	caller = b.run(point.trigger)
	close(over)
	killing.Wait()
	b.listen(nil)
	state = b.state()
	finish()
	return caller, state
}

// Heroku is answered 500 for a crash, and calls again.
func TestHerokuCallsAgainAfterACrash(t *testing.T) {
	t.Parallel()
	b := openBench(t, stacktest.Config{Concurrency: 1})
	b.subscribe()
	brake := newBrake()
	defer brake.release()
	b.listen(func(c call) trouble {
		if c == (call{swap, 1}) {
			return brake.at(b, before)
		}
		return trouble{}
	})
	b.rotate()
	<-brake.reached
	b.Webhook.Kill()
	b.idle()
	b.equal()
	deliveries, err := b.Platform.AppWebhookDeliveryList(t.Context(), b.app.Name, nil)
	b.must(err)
	if !slices.ContainsFunc(deliveries, func(d platform.AppWebhookDelivery) bool { return d.NumAttempts == 2 }) {
		t.Error("no delivery was tried a second time")
	}
}

// crashTable shows the results: one row for each point, one column for each finisher.
type crashTable struct {
	order []crashPoint
	cells map[crashPoint]map[string]crashed
}

func (t *crashTable) add(point crashPoint, finisher string, result crashed) {
	if t.cells == nil {
		t.cells = map[crashPoint]map[string]crashed{}
	}
	if t.cells[point] == nil {
		t.order, t.cells[point] = append(t.order, point), map[string]crashed{}
	}
	t.cells[point][finisher] = result
}

func (t *crashTable) String() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d crash points of the %s, %s\tcaller sees\tsecret holds\tthen the retry\tor a poll\tor another rotation and a poll\n",
		len(t.order), t.order[0].trigger, t.order[0].situation)
	for _, point := range t.order {
		r := t.cells[point]
		retry, poll, again := r["the webhook's retry"], r["a poll"], r["another rotation and a poll"]
		fmt.Fprintf(w, "%v\t%s\t%s\t%s\t%s\t%s\n", point, retry.caller, retry.state, retry.finish, poll.finish, again.finish)
	}
	w.Flush()
	return "\n" + text.String()
}

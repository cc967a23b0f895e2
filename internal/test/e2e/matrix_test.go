package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keepcurrent.example/internal/testserver/stacktest"
)

var matrixFile = flag.String("matrix", "", "write all cells of the fault matrix to this `file`, as a table, and the longest runs")

// hurry is the webhook's time-out if a call hangs every time. The webhook keeps one second
// of it for its answer. The rest is a little less than the five seconds of a login, and not
// shorter, because the run that heals has the same time-out.
const hurry = 5800 * time.Millisecond

// columns are the runs that the faults are tested in.
var columns = []struct{ trigger, situation string }{
	{webhook, first}, {webhook, rotation}, {webhook, held}, {webhook, foreign},
	{poller, first}, {poller, rotation}, {poller, held}, {poller, foreign},
	{webhook, inObject}, {poller, inObject},
}

// Every fault is tested at every remote call of every kind of run. The outcome must be
// that of the rules (cell.expected), the secret must be whole, and the next run without
// faults must heal it. docs/fault-matrix.md has the counts.
func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	cells := matrixCells(t)
	begin := time.Now()
	var table matrixTable
	var all sync.WaitGroup
	try := func(benches int, config stacktest.Config, some func(cell) bool) {
		queue := queueOf(cells, some)
		for range benches {
			all.Go(func() {
				t.Run("bench", func(t *testing.T) {
					b := openBench(t, config)
					for c := range queue {
						o, took := b.try(c)
						table.add(c, o, took)
					}
				})
			})
		}
	}
	// A bench that waits for time-outs uses no processor. Of the others too many at a time
	// would make a login take longer than its first try has.
	hangs := func(c cell) bool { return c.slow && c.lasts }
	try(64, stacktest.Config{Timeout: hurry}, hangs)
	try(24, stacktest.Config{}, func(c cell) bool { return !hangs(c) })
	all.Wait()
	t.Logf("%d cells in %.0f s", len(cells), time.Since(begin).Seconds())
	if *matrixFile != "" {
		if err := os.WriteFile(*matrixFile, []byte(table.String()+"\n"+table.longest()), 0o644); err != nil {
			t.Error(err)
		}
	}
	page, err := os.ReadFile("../../../docs/fault-matrix.md")
	if err != nil {
		t.Fatal(err)
	}
	if digest := "```text\n" + table.digest() + "```\n"; !testing.Short() && !strings.Contains(string(page), digest) {
		t.Errorf("docs/fault-matrix.md has other counts; these are right:\n%s", digest)
	}
}

// matrixCells combines the calls of quiet runs with the faults, the longest first. It
// fails the test unless the calls are the known ones.
func matrixCells(t *testing.T) []cell {
	t.Helper()
	var long, short []cell
	heard := map[call]bool{}
	b := openBench(t, stacktest.Config{})
	for _, column := range columns {
		for _, call := range b.quietRun(column.trigger, column.situation) {
			heard[call] = true
			for _, c := range withFaults(cell{trigger: column.trigger, situation: column.situation, call: call}) {
				if c.long() {
					long = append(long, c)
				} else {
					short = append(short, c)
				}
			}
		}
	}
	for _, known := range knownCalls {
		if !heard[known.call] {
			t.Errorf("no run makes the call %v", known.call)
		}
		delete(heard, known.call)
	}
	if len(heard) > 0 {
		t.Errorf("there are calls that are not known: %v", heard)
	}
	if testing.Short() {
		return short
	}
	return append(long, short...)
}

// withFaults returns the cells of one call in one kind of run.
func withFaults(c cell) []cell {
	var cells []cell
	for _, c.fault = range faults {
		for _, c.lasts = range []bool{false, true} {
			if c.possible() {
				cells = append(cells, c)
			}
		}
	}
	return cells
}

// isOfFormat reports whether a call can depend on the format. The others are prefetches,
// made before a tag is read.
func (c call) isOfFormat() bool {
	return !slices.Contains([]string{readKey, readToken, list}, c.kind)
}

func queueOf(cells []cell, some func(cell) bool) <-chan cell {
	queue := make(chan cell, len(cells))
	defer close(queue)
	for _, c := range cells {
		if some(c) {
			queue <- c
		}
	}
	return queue
}

// long reports whether the run waits for all tries of a call: 13 s.
func (c cell) long() bool { return c.slow && c.lasts && c.trigger == poller }

// try runs the function with a fault, and then heals. took is the time of the run with the
// fault.
func (b *bench) try(c cell) (got outcome, took time.Duration) {
	b.t.Helper()
	b.setUp(c.situation)
	if c.isPutTwice() {
		b.allowedVersions++
	}
	got, took = b.befall(c)
	if want := c.expected(); got != want {
		b.t.Errorf("%v: got %v, want %v", c, got, want)
	}
	b.whole()
	if want, got := c.next(got.state), b.run(c.trigger); got != want {
		b.t.Errorf("%v: the next run says %s, want %s", c, got, want)
	}
	b.repair(c.situation)
	b.whole()
	return got, took
}

// befall runs the function with a fault.
func (b *bench) befall(c cell) (o outcome, took time.Duration) {
	b.t.Helper()
	met := make(chan struct{}, 1)
	b.listen(func(call call) trouble {
		if c.meets(call) {
			select {
			case met <- struct{}{}:
			default:
			}
			return c.trouble
		}
		return trouble{}
	})
	if c.away {
		b.must(b.db.Refuse())
	}
	began := time.Now()
	answer := b.run(c.trigger)
	took = time.Since(began)
	if c.away {
		b.must(b.db.Accept())
	} else if len(met) == 0 {
		b.t.Errorf("%v: the run made no such call", c)
	}
	b.listen(nil)
	return outcome{answer, b.state()}, took
}

// next is the answer of a quiet run after a run that left the secret in a state.
func (c cell) next(state string) string {
	switch {
	case state != newer:
		return quiet(c.trigger, c.situation)
	case c.trigger == poller:
		return "unchanged"
	case c.situation == held: // what was published does not log in
		return "503"
	}
	return "204"
}

// repair makes the secret equal again: after a URL that does not log in, Heroku shows one
// that does.
func (b *bench) repair(situation string) {
	b.t.Helper()
	if situation == held {
		b.app.Set("DATABASE_URL", b.db.URL())
		b.shows(b.db.URL())
		if answer := b.run(poller); answer != "published" && answer != "unchanged" {
			b.t.Errorf("a good URL is %s", answer)
		}
	}
	b.equal()
}

func (c cell) String() string {
	return fmt.Sprintf("%s, %s, %v, %s%s", c.trigger, c.situation, c.call, c.name, map[bool]string{true: " that lasts"}[c.lasts])
}

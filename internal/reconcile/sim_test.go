package reconcile_test

import (
	"flag"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	simSeed = flag.Uint64("sim.seed", 0, "replay this seed of the simulation, with its trace")
	soak    = flag.Duration("sim.soak", 0, "run the simulation with fresh seeds for so long")
)

// batch is how many seeds are played one after the other, in one bubble of virtual time.
const batch = 260

// TestSimulation plays histories of a faulty world against the real Reconciler.
func TestSimulation(t *testing.T) {
	t.Parallel()
	var total statistics
	if *simSeed != 0 {
		simulate(t, &total, *simSeed, 1)
		return
	}
	for name, first := range map[string]uint64{
		"from seed 1":   1,
		"from seed 401": 401,
		"from seed 801": 801,
		"fresh seeds":   uint64(time.Now().UnixNano()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			simulate(t, &total, first, batch)
		})
	}
	t.Cleanup(func() { t.Log(&total) })
}

// simulate plays n seeds from the first on, and fails the test with the whole trace
// of the first that breaks the promise.
func simulate(t *testing.T, total *statistics, first, n uint64) {
	synctest.Test(t, func(t *testing.T) {
		for seed := first; seed < first+n && !t.Failed(); seed++ {
			h := play(seed, *simSeed != 0, nil)
			total.add(h)
			if len(h.broken) > 0 {
				if h.inStep { // otherwise it may take another course, and has its trace already
					h = play(seed, true, nil)
				}
				t.Errorf("seed %d breaks the promise; replay it with: go test ./internal/reconcile -run TestSimulation -sim.seed %d\n%s\n\n%s",
					seed, seed, strings.Join(h.broken, "\n"), strings.Join(h.trace, "\n"))
			} else if *simSeed != 0 {
				t.Log(strings.Join(h.trace, "\n"))
			}
		}
	})
}

type statistics struct{ histories, moves, edits, conflicts, faults, crashes atomic.Int64 }

func (s *statistics) add(h *history) {
	s.histories.Add(1)
	s.moves.Add(int64(h.moves))
	s.edits.Add(int64(h.edits))
	s.conflicts.Add(int64(h.conflicts))
	s.faults.Add(int64(h.faults))
	s.crashes.Add(int64(h.crashes))
}

func (s *statistics) String() string {
	return fmt.Sprintf("%d histories, %d moves of AWSCURRENT, %d versions of other writers, %d conflicts, %d crashes, %d other faults",
		s.histories.Load(), s.moves.Load(), s.edits.Load(), s.conflicts.Load(), s.crashes.Load(), s.faults.Load())
}

func TestASeedReplaysExactly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(20) {
			one, two := play(seed, true, nil), play(seed, true, nil)
			if !one.inStep {
				continue // the scheduler has a say
			}
			if a, b := strings.Join(one.trace, "\n"), strings.Join(two.trace, "\n"); a != b {
				t.Fatalf("seed %d took two courses:\n%s\n\n%s", seed, a, b)
			}
		}
	})
}

// TestSoak runs for as long as it is told.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("run it with: make soak")
	}
	var total statistics
	began := time.Now()
	report := func() { fmt.Printf("%6s  %s\n", time.Since(began).Round(time.Second), &total) }
	go func() {
		for wait(t.Context(), 5*time.Second) {
			report()
		}
	}()
	t.Cleanup(report)
	for worker := range 2 {
		t.Run(fmt.Sprint("worker ", worker), func(t *testing.T) {
			t.Parallel()
			for first := uint64(began.UnixNano()) + uint64(worker)<<40; time.Since(began) < *soak && !t.Failed(); first += batch {
				simulate(t, &total, first, batch)
			}
		})
	}
}

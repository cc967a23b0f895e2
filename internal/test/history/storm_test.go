package history

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/secrets"
)

const (
	writers   = 8
	consumers = 2
)

// Half of the writers poll and half update.
func TestManyWritersInAStormAreLinearizable(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			h := newFixture(t, storm(seed))
			bindings := []reconcile.Binding{h.bind(t, "orders"), h.bind(t, "reports")}
			began := time.Now()
			h.weatherTheStorm(t, tally{calls: 300, swapped: 20, refused: 10, lost: 5}, bindings, func(n int) func(context.Context) {
				k := h.reconciler(n, h.heroku)
				if n%2 == 0 {
					return func(ctx context.Context) { _, _ = k.Poll(ctx, reconcile.Round{}) }
				}
				return func(ctx context.Context) { k.Update(ctx, bindings) }
			})
			if verdict := judge(h.history(t)); verdict != porcupine.Ok {
				t.Error(verdict)
			}
			t.Logf("%d clients, %s: %+v", writers+consumers, time.Since(began), h.counted())
		})
	}
}

// A storm finds the wrong writers without a stall, though perhaps not with the first seed.
// So the storm of the test above is rough enough to find errors.
func TestAStormFindsWrongWriters(t *testing.T) {
	t.Parallel()
	for name, design := range map[string]design{"observe first": observeFirst, "plain put": plainPut, "locked put": lockedPut} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(60) {
				h := newFixture(t, storm(seed))
				b := h.bind(t, "orders")
				h.weatherTheStorm(t, tally{calls: 200}, []reconcile.Binding{b}, func(n int) func(context.Context) {
					write := design(h, n, h.heroku)
					return func(ctx context.Context) { write(ctx, b) }
				})
				if judge(h.history(t)) == porcupine.Illegal {
					t.Logf("found with seed %d", seed)
					return
				}
			}
			t.Error("60 storms did not find it")
		})
	}
}

// weatherTheStorm runs writers and consumers until there are enough calls to judge. The
// result of a run does not matter, only its effect on the register.
func (h *fixture) weatherTheStorm(t *testing.T, least tally, bindings []reconcile.Binding, writer func(n int) func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // it takes seconds
	defer cancel()
	var wg sync.WaitGroup
	for n := range writers + consumers {
		run := writer(n)
		if n >= writers {
			run = h.consumer(n, bindings)
		}
		wg.Go(func() {
			for !h.counted().covers(least) && ctx.Err() == nil {
				run(ctx)
			}
		})
	}
	wg.Wait()
	if seen := h.counted(); !seen.covers(least) {
		t.Fatalf("a minute was too short for a history that proves something: %+v", seen)
	}
}

// consumer reads one secret after the other.
func (h *fixture) consumer(n int, bindings []reconcile.Binding) func(context.Context) {
	m := secrets.Manager{Client: h.client(n)}
	next := 0
	return func(ctx context.Context) {
		_, _ = m.Value(ctx, bindings[next%len(bindings)].ARN)
		next++
	}
}

package history

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/secrets"
)

// The clients in a stall.
const (
	slow = iota
	fast
	consumer
)

func TestOnlyTheRightWriterSurvivesAStall(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		design  design
		verdict porcupine.CheckResult
		left    int // the URL that the consumer is left with; Heroku's newest is 3
	}{
		{"fence, observe, swap", right, porcupine.Ok, 3},
		{"observe, fence, swap", observeFirst, porcupine.Illegal, 2},
		{"plain put after comparing", plainPut, porcupine.Illegal, 2},
		{"plain put under a lock of the process", lockedPut, porcupine.Illegal, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t, nil)
			left := h.stall(t, test.design).left
			if left != test.left {
				t.Errorf("the consumer is left with URL %d, want URL %d", left, test.left)
			}
			if verdict := judge(h.history(t)); verdict != test.verdict {
				t.Errorf("%s, want %s", verdict, test.verdict)
			}
		})
	}
}

// The test above proves something about stalls only because these histories are accepted.
func TestEveryWriterIsRightWithoutAStall(t *testing.T) {
	t.Parallel()
	for name, design := range map[string]design{"right": right, "observe first": observeFirst, "plain put": plainPut, "locked put": lockedPut} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t, nil)
			b := h.bind(t, "orders")
			for range 3 {
				for n := range 2 {
					mustPublish(t, design(h, n, h.heroku)(t.Context(), b))
					h.read(t, b)
					h.heroku.rotate()
				}
			}
			if verdict := judge(h.history(t)); verdict != porcupine.Ok {
				t.Error(verdict)
			}
		})
	}
}

// A story is what happened around the recorded calls.
type story struct {
	rotations []int64 // when Heroku showed URL 2 and URL 3
	held      int64   // when the slow writer had URL 2, and its network stalled
	resumed   int64
	left      int // the URL that the consumer read last
}

// stall lets a slow writer read URL 2 from Heroku, stops it until a fast writer has
// published URL 3, and lets it continue.
func (h *fixture) stall(t *testing.T, d design) story {
	t.Helper()
	var s story
	b := h.bind(t, "orders")
	view := &stalled{Heroku: h.heroku, reached: make(chan struct{}), resume: make(chan struct{})}
	writeSlow, writeFast := d(h, slow, view), d(h, fast, h.heroku)
	mustPublish(t, writeFast(t.Context(), b))

	h.heroku.rotate()
	s.rotations = append(s.rotations, h.now())
	done := make(chan reconcile.Result, 1)
	go func() { done <- writeSlow(t.Context(), b) }()
	await(t, view.reached)
	s.held = h.now()

	h.heroku.rotate()
	s.rotations = append(s.rotations, h.now())
	mustPublish(t, writeFast(t.Context(), b))
	h.read(t, b)

	s.resumed = h.now()
	close(view.resume)
	if r := await(t, done); r.Outcome != reconcile.Published && r.Outcome != reconcile.Unchanged {
		t.Fatalf("the slow writer: %s: %v", r.Outcome, r.Err)
	}
	s.left = h.read(t, b)
	return s
}

func mustPublish(t *testing.T, r reconcile.Result) {
	t.Helper()
	if r.Outcome != reconcile.Published {
		t.Fatalf("%s: %v", r.Outcome, r.Err)
	}
}

// read returns the number of the URL that a consumer finds.
func (h *fixture) read(t *testing.T, b reconcile.Binding) int {
	t.Helper()
	value, err := secrets.Manager{Client: h.client(consumer)}.Value(t.Context(), b.ARN)
	if err != nil {
		t.Fatal(err)
	}
	return epochOf(value.Reveal())
}

func await[T any](t *testing.T, events <-chan T) T {
	t.Helper()
	select {
	case event := <-events:
		return event
	case <-time.After(time.Minute):
		t.Fatal("nothing happened for a minute")
		panic("unreachable")
	}
}

// stalled is a Heroku whose first answer is delayed on its way.
type stalled struct {
	reconcile.Heroku
	first           sync.Once
	reached, resume chan struct{}
}

func (s *stalled) ConfigVars(ctx context.Context, app string) (map[string]credential.Value, error) {
	vars, err := s.Heroku.ConfigVars(ctx, app)
	s.first.Do(func() {
		close(s.reached)
		select {
		case <-s.resume:
		case <-ctx.Done():
		}
	})
	return vars, err
}

package reconcile_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// A fault is what goes wrong with one remote call.
type fault int

const (
	none        fault = iota
	failsBefore       // the work is not done
	isLate            // the work is done when the caller has given up
	losesAnswer       // the work is done, and the caller is told that it failed
	isDoneTwice       // a client tried again: the caller gets the second answer
	comesTwice        // a client tried again, and the first request comes after the second one
	diesBefore        // the run ends, and the work is not done
	diesSending       // the run ends, and the work is done later
	diesAfter         // the run ends when the work is done

	faultKinds = int(diesAfter)
)

func (f fault) endsTheRun() bool { return f >= diesBefore }

var errFault = errors.New("a fault of the simulation")

// A trip is the course of one remote call: the time that the request and the answer take,
// and the fault, which is mostly none.
type trip struct {
	dice            *rand.Rand
	request, answer time.Duration
	fault           fault
}

func (a *actor) trip(kind string) trip {
	dice := a.draw(kind)
	if !a.faulty { // no two at one instant: their order would be chance
		return trip{dice: dice, request: upTo(time.Millisecond, dice), answer: upTo(time.Millisecond, dice)}
	}
	t := trip{dice: dice, request: latency(dice), answer: latency(dice)}
	if n := dice.IntN(20 * faultKinds); n < 2*faultKinds {
		t.fault = fault(1 + n/2)
	}
	return t
}

// latency is mostly milliseconds, and sometimes half a minute.
func latency(dice *rand.Rand) time.Duration {
	switch dice.IntN(25) {
	case 0:
		return upTo(30*time.Second, dice)
	case 1, 2:
		return upTo(2*time.Second, dice)
	}
	return upTo(50*time.Millisecond, dice)
}

// upTo is never zero.
func upTo(most time.Duration, dice *rand.Rand) time.Duration {
	return 1 + time.Duration(dice.Int64N(int64(most)))
}

// call makes one remote call. The work is done at one instant somewhere between
// the request and the answer, or never, or after the caller has given up.
func call[T any](ctx context.Context, a *actor, kind string, work func() (T, error)) (T, error) {
	a.live()
	t := a.trip(kind)
	a.world.count(t.fault)
	a.disturb(kind, t)
	do := func() (T, error) {
		a.world.mu.Lock()
		defer a.world.mu.Unlock()
		out, err := work()
		a.world.note("%s: %s: %v", a.name, kind, err)
		return out, err
	}
	var nothing T
	if err := t.arrive(ctx, a, func() { _, _ = do() }); err != nil {
		return nothing, err
	}
	out, err := do()
	switch t.fault {
	case losesAnswer:
		wait(ctx, t.answer)
		return nothing, errFault
	case isDoneTwice:
		wait(ctx, t.answer)
		out, err = do()
	case comesTwice:
		t.late(func() { _, _ = do() })
	case diesAfter:
		a.die()
	}
	if !wait(ctx, t.answer) {
		return nothing, ctx.Err()
	}
	return out, err
}

// arrive returns when the request has reached the server, or an error if it has not. The
// work may still be done later, after the caller has given up.
func (t trip) arrive(ctx context.Context, a *actor, work func()) error {
	switch t.fault {
	case failsBefore:
		wait(ctx, t.request)
		return errFault
	case isLate:
		t.late(work)
		wait(ctx, t.request)
		return errFault
	case diesBefore: // not at once: which other goroutines of the run have begun would be random
		time.Sleep(t.request)
		a.die()
	case diesSending:
		t.late(work)
		time.Sleep(t.request)
		a.die()
	}
	if wait(ctx, t.request) {
		return nil
	}
	if t.dice.IntN(2) == 0 {
		t.late(work)
	}
	return ctx.Err()
}

// late does the work up to a minute after the request ought to have come.
func (t trip) late(work func()) {
	go func() {
		time.Sleep(t.request + time.Duration(t.dice.Int64N(int64(time.Minute))))
		work()
	}()
}

// wait reports whether the time went by before the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

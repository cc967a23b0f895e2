package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/secretstest"
)

// Heroku shows B, and returns to A while a run publishes B. Another run has found the
// secret equal to A meanwhile, so it has not moved the fence.
func TestARunThatHasPublishedAsksHerokuOnceMore(t *testing.T) {
	t.Parallel()
	away := errors.New("Heroku is away")
	tests := map[string]struct {
		after   []int // what Heroku shows at each check after the first swap; 0: it is away
		outcome reconcile.Outcome
		value   int
	}{
		"Heroku shows the same":                   {[]int{2}, reconcile.Published, 2},
		"Heroku took it back":                     {[]int{1, 1, 1, 1}, reconcile.Published, 1},
		"a single answer was an old one":          {[]int{1, 2}, reconcile.Published, 2},
		"Heroku went on to another":               {[]int{3, 3, 3, 3}, reconcile.Published, 3},
		"Heroku shows nothing":                    {[]int{-1, -1, -1}, reconcile.Failed, 2},
		"the check fails":                         {[]int{0}, reconcile.Failed, 2},
		"the second check fails":                  {[]int{1, 0}, reconcile.Failed, 2},
		"Heroku takes back whatever is published": {[]int{1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1}, reconcile.Failed, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, b := upToDate(t)
			h.account.show(2)
			h.account.before = func(read int) {
				if read < 2 || read-2 >= len(tt.after) {
					return
				}
				switch n := tt.after[read-2]; n {
				case 0:
					h.account.fail(away)
				case -1:
					h.account.set(nil)
				default:
					h.account.show(n)
				}
			}
			r := h.update(b)
			if r.Outcome != tt.outcome || h.value(b) != want(tt.value) {
				t.Errorf("%s, the secret holds %s: %v", r.Outcome, h.value(b), r.Err)
			}
			if r.Outcome == reconcile.Failed && (r.Err == nil || strings.Contains(r.Err.Error(), "EXAMPLE")) {
				t.Errorf("%v", r.Err)
			}
		})
	}
}

// The value was right, and what people are told must be, too.
func TestARunThatHasPublishedSaysSoWhateverCameThen(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.account.show(2)
	h.database.answer(3, refused)
	h.account.before = func(read int) {
		if read == 2 {
			h.account.show(3)
		}
	}
	r := h.update(b)
	if r.Outcome != reconcile.Held || r.Moved.IsZero() || !strings.Contains(r.Err.Error(), "AWSCURRENT has moved in this run, and then") || h.value(b) != want(2) {
		t.Errorf("%s, the secret holds %s: %v", r.Outcome, h.value(b), r.Err)
	}
}

// The consumer's outage ends at the swap, even if the answer comes later.
func TestTheLagEndsWithTheSwap(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.account.show(2)
	var looked time.Time
	h.account.before = func(read int) {
		if read == 2 {
			looked = time.Now()
		}
	}
	if r := h.mustPublish(b); r.Moved.IsZero() || r.Moved.After(looked) {
		t.Errorf("moved at %v, looked at %v", r.Moved, looked)
	}
}

// A paused stack and a dry run have moved nothing that could be taken back.
func TestADryRunDoesNotAskHerokuOnceMore(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.account.show(2)
	h.reconciler.DryRun = true
	if r := h.update(b); r.Outcome != reconcile.Published || h.account.reads != 1 {
		t.Errorf("%s after %d reads: %v", r.Outcome, h.account.reads, r.Err)
	}
}

// A rate limit after the swap is no reason to call a binding deferred.
func TestAPublicationThatCouldNotBeConfirmedIsAFailure(t *testing.T) {
	t.Parallel()
	h, _ := upToDate(t)
	h.account.show(2)
	h.account.before = func(read int) {
		if read == 3 { // after the one of the filter and the one of the update
			h.account.fail(reconcile.ErrRateLimited)
		}
	}
	if r := h.poll()[0]; r.Outcome != reconcile.Failed || r.Moved.IsZero() {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
}

// Another run has moved AWSCURRENT between this run's fence and its read of Heroku, and died.
func TestAnEqualSecretMustStillBeWhereTheFenceSawIt(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.account.before = func(read int) {
		if read == 1 {
			h.put(b, want(2))
		}
	}
	if r := h.update(b); r.Outcome != reconcile.Published || r.Conflicts != 1 || h.value(b) != want(1) {
		t.Errorf("%s after %d conflicts, the secret holds %s: %v", r.Outcome, r.Conflicts, h.value(b), r.Err)
	}
}

func TestAnEqualSecretThatCannotBeCheckedOnceMoreIsAFailure(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.account.before = func(int) {
		h.aws.Intercept(func(secretstest.Call) secretstest.Fault { return secretstest.Fail(400, "AccessDeniedException") })
	}
	if r := h.update(b); r.Outcome != reconcile.Failed || r.Conflicts != 0 || !strings.Contains(r.Err.Error(), "AccessDenied") {
		t.Errorf("%s after %d conflicts: %v", r.Outcome, r.Conflicts, r.Err)
	}
}

func TestARunThatIsOutOfTimeBetweenItsChecksHasNotEndedWell(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.account.show(2)
	ctx, cancel := context.WithCancel(t.Context())
	h.account.before = func(read int) {
		if read == 2 {
			h.account.show(1)
			cancel()
		}
	}
	r := h.reconciler.Update(ctx, []reconcile.Binding{b})[0]
	if r.Outcome != reconcile.Failed || r.Moved.IsZero() || !errors.Is(r.Err, context.Canceled) {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
}

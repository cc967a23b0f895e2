package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/reconcile"
)

// Heroku has announced a new credential, the old one is dead, and the config var
// still shows the old one.
func TestPatienceLooksAgainUntilHerokuShowsTheNewValue(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.database.answer(1, refused)
	h.account.before = func(read int) {
		if read == 3 {
			h.account.show(2)
		}
	}
	h.reconciler.Patience = time.Minute
	r := h.mustPublish(b)
	if got := h.value(b); got != want(2) || h.account.reads != 3+1 || r.Repeats != 2 { // the last one after the swap
		t.Errorf("the secret is %s after %d reads, of which %d were repeated", got, h.account.reads, r.Repeats)
	}
}

func TestPatienceWaitsForAConfigVarThatIsBetweenTwoAttachments(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	b := h.bind("promoted", "heroku:format=url")
	h.account.before = func(read int) {
		if read == 3 {
			h.account.show(1)
		}
	}
	h.reconciler.Patience = time.Minute
	h.mustPublish(b)
}

func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.database.answer(1, refused)
	h.reconciler.Patience = 10 * time.Millisecond
	if r := h.update(b); r.Outcome != reconcile.Held || !errors.Is(r.Err, reconcile.ErrRefused) {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
	h.reconciler.Patience = 0
	if r := h.update(b); r.Outcome != reconcile.Unchanged {
		t.Errorf("without patience there is no login, but: %s, %v", r.Outcome, r.Err)
	}
}

func TestARunThatEndsInTheMiddleSaysWhyItWasStillAtWork(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.database.answer(1, refused)
	h.reconciler.Patience = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	h.account.before = func(read int) {
		if read == 2 { // Heroku's answer does not come any more
			cancel()
			h.account.fail(ctx.Err())
		}
	}
	r := h.reconciler.Update(ctx, []reconcile.Binding{b})[0]
	if r.Outcome != reconcile.Held || !errors.Is(r.Err, reconcile.ErrRefused) {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
}

// The context's own words would not say what ended.
func TestARunThatIsOutOfTimeSaysSo(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.show(1)
	b := h.bind("first")
	ctx, cancel := context.WithCancel(t.Context())
	h.account.before = func(int) { cancel() } // the login comes behind it
	r := h.reconciler.Update(ctx, []reconcile.Binding{b})[0]
	if r.Outcome != reconcile.Failed || r.Err == nil || !strings.HasSuffix(r.Err.Error(), ": the run was out of time: context canceled") {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
}

// The secret is equal, and its login fails for a reason that does not show whether the
// credential is valid. It must be unchanged, or every deploy would be answered 503.
func TestAnEqualSecretIsUnchangedUnlessItsCredentialIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer  error
		outcome reconcile.Outcome
		isTold  bool // what only a person can repair before the next rotation
	}{
		"refused":     {refused, reconcile.Held, true},
		"full":        {full, reconcile.Unchanged, false},
		"answered":    {answered, reconcile.Unchanged, false},
		"unreachable": {unreachable, reconcile.Unchanged, false},
		"without TLS": {noTLS, reconcile.Unchanged, false},
		"not tried":   {untried, reconcile.Unchanged, true},
		"it logs in":  {nil, reconcile.Unchanged, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, b := upToDate(t)
			h.database.answer(1, tt.answer)
			h.reconciler.Patience = time.Millisecond
			r := h.update(b)
			if r.Outcome != tt.outcome || (r.Err != nil) != tt.isTold || h.writes() != 0 {
				t.Errorf("%s after %d writes: %v", r.Outcome, h.writes(), r.Err)
			}
			if tt.outcome == reconcile.Unchanged && (h.database.logins != 2 || h.account.reads != 1) { // one was for the first value
				t.Errorf("%d logins and %d reads of config vars", h.database.logins, h.account.reads)
			}
		})
	}
}

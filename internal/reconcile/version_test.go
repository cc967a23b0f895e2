package reconcile_test

import (
	"strings"
	"testing"

	"keepcurrent.example/internal/reconcile"
)

func TestAChangedSigningKeyIsNoReasonToPublish(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.show(1)
	b := h.bind("rekeyed")
	h.reconciler.Keys = keys("old-EXAMPLE")
	h.mustPublish(b)
	h.reconciler.Keys = keys("new-EXAMPLE", "old-EXAMPLE")
	if r := h.update(b); r.Outcome != reconcile.Unchanged {
		t.Errorf("with the old key known: %s, %v", r.Outcome, r.Err)
	}
	h.reconciler.Keys = keys("newest-EXAMPLE", "new-EXAMPLE")
	h.aws.ResetCalls()
	if r := h.update(b); r.Outcome != reconcile.Unchanged || h.writes() != 0 {
		t.Errorf("with a key that it was not written with: %s, %v, calls %v", r.Outcome, r.Err, h.aws.Calls())
	}
}

func TestVersionIDsTellNothing(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.show(1)
	a, b := h.mustPublish(h.bind("one", "heroku:format=url")), h.mustPublish(h.bind("two", "heroku:format=url"))
	if len(a.Version) != 64 || strings.Trim(a.Version, "0123456789abcdef") != "" {
		t.Errorf("version id %s", a.Version)
	}
	if a.Version[:32] == b.Version[:32] {
		t.Error("two secrets with the same value show the same digest")
	}
}

package reconcile_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"keepcurrent.example/internal/reconcile"
)

// The bindings of one secret have a fence each. Between two of them, a person puts an old
// copy of the value. Then the second binding publishes from there.
func TestASiblingsPublicationHidesNoOtherWriter(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.reconciler.Memory = new(reconcile.Memory)
	h.three(1, 2, 3)
	bindings := h.several("orders", neighbours(""))[:2]
	h.outcomes(bindings)
	h.three(1, 12, 3)
	first, second := bindings[0], bindings[1]
	second.ARN = second.Name // this tells the fences of the two apart
	h.reconciler.Secrets = &apart{
		Secrets: h.reconciler.Secrets, second: second.ARN,
		between: func() { h.put(first, strings.Replace(h.value(first), want(1), want(9), 1)) },
		fenced:  make(chan struct{}), published: make(chan struct{}),
	}
	results := h.reconciler.Update(t.Context(), []reconcile.Binding{first, second})
	if r := results[0]; r.Outcome != reconcile.Published || r.Conflicts != 1 {
		t.Errorf("the first: %s after %d conflicts: %v", r.Outcome, r.Conflicts, r.Err)
	}
	if r := results[1]; r.Outcome != reconcile.Published {
		t.Errorf("the second: %s: %v", r.Outcome, r.Err)
	}
	if value := h.value(first); !strings.Contains(value, want(1)) || !strings.Contains(value, want(12)) {
		t.Errorf("the secret holds %s", value)
	}
}

// apart lets something happen behind the fence of the first of two bindings, and before
// that of the second. The first one checks its fence when the second one has published.
type apart struct {
	reconcile.Secrets
	second            string // how the second binding names the secret before its fence
	between           func()
	first, next, swap sync.Once
	fenced, published chan struct{}
}

func (a *apart) Describe(ctx context.Context, id string) (secret reconcile.Secret, err error) {
	if id == a.second {
		<-a.fenced
		a.next.Do(a.between)
		return a.Secrets.Describe(ctx, id)
	}
	isFence := false
	a.first.Do(func() {
		isFence = true
		secret, err = a.Secrets.Describe(ctx, id)
		close(a.fenced)
	})
	if isFence {
		return secret, err
	}
	<-a.published
	return a.Secrets.Describe(ctx, id)
}

func (a *apart) Swap(ctx context.Context, arn, to, from string) error {
	err := a.Secrets.Swap(ctx, arn, to, from)
	a.swap.Do(func() { close(a.published) })
	return err
}

// What another binding of the secret has published in the same run is no other writer's.
func TestASiblingsPublicationIsNoConflict(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.three(1, 2, 3)
	bindings := h.several("orders", neighbours(""))[:2]
	h.outcomes(bindings)
	h.three(1, 12, 3)
	equal, changed := bindings[0], bindings[1]
	changed.ARN = changed.Name
	h.reconciler.Secrets = &apart{
		Secrets: h.reconciler.Secrets, second: changed.ARN, between: func() {},
		fenced: make(chan struct{}), published: make(chan struct{}),
	}
	results := h.reconciler.Update(t.Context(), []reconcile.Binding{equal, changed})
	for i, want := range []reconcile.Outcome{reconcile.Unchanged, reconcile.Published} {
		if r := results[i]; r.Outcome != want || r.Conflicts != 0 {
			t.Errorf("%s: %s after %d conflicts: %v", r.ConfigVar, r.Outcome, r.Conflicts, r.Err)
		}
	}
}

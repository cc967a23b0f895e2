package reconcile_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/reconcile"
)

// A slow writer has read an old URL, and continues after a newer one was published.
func TestASlowWriterNeverTakesASecretBack(t *testing.T) {
	t.Parallel()
	for name, filled := range map[string]bool{"a secret with a value": true, "an empty secret": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
			b := h.bind("fenced", "heroku:format=url")
			if filled {
				h.account.show(1)
				h.mustPublish(b)
			}
			slow := h.overtaken(func(slow *account) {
				h.account.show(3)
				h.mustPublish(b)
				slow.show(2) // what it saw before that
			})
			r := slow.Update(t.Context(), []reconcile.Binding{b})[0]
			if r.Conflicts != 1 || r.Outcome != reconcile.Unchanged {
				t.Errorf("the slow writer: %s after %d conflicts: %v", r.Outcome, r.Conflicts, r.Err)
			}
			if got := h.value(b); got != want(3) {
				t.Fatalf("AWSCURRENT went back to %q", got)
			}
		})
	}
}

// overtaken returns a second reconciler that is overtaken between its fence and the
// answer of its first observation; later ones are up to date.
func (h *fixture) overtaken(overtake func(slow *account)) *reconcile.Reconciler {
	slow := &account{}
	slow.before = func(read int) {
		if read == 1 {
			overtake(slow)
			return
		}
		h.account.mu.Lock()
		defer h.account.mu.Unlock()
		slow.set(h.account.vars)
	}
	k := *h.reconciler
	k.Heroku = func(string) reconcile.Heroku { return slow }
	return &k
}

func TestUpdateGivesUpAfterABoundedNumberOfConflicts(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	other := 100
	h.account.before = func(int) { // another writer is faster each time
		other++
		if _, err := h.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &b.ARN, SecretString: aws.String(want(other))}); err != nil {
			t.Error(err)
		}
	}
	h.account.show(2)
	r := h.update(b)
	if r.Outcome != reconcile.Failed || !errors.Is(r.Err, reconcile.ErrConflict) || r.Conflicts != 5 {
		t.Errorf("%s after %d conflicts: %v", r.Outcome, r.Conflicts, r.Err)
	}
	if got := h.value(b); got != want(other) {
		t.Errorf("the other writer's %s was replaced by %s", want(other), got)
	}
}

func TestWritersOfTheSameStepMakeOneVersion(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.account.show(2)
	var wg sync.WaitGroup
	results := make([]reconcile.Result, 8)
	for i := range results {
		wg.Go(func() { results[i] = h.update(b) })
	}
	wg.Wait()
	published := 0
	for _, r := range results {
		switch r.Outcome {
		case reconcile.Published:
			published++
		case reconcile.Unchanged:
		default:
			t.Errorf("%s: %v", r.Outcome, r.Err)
		}
	}
	out, err := h.client.ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: &b.ARN, IncludeDeprecated: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	if published != 1 || len(out.Versions) != 2 || h.value(b) != want(2) {
		t.Errorf("%d published, %d versions, the secret holds %s", published, len(out.Versions), h.value(b))
	}
}

package reconcile_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/reconcile"
)

// between lets another writer put a value between the fences of two bindings of a secret,
// and makes the third description, the second fence, wait for the first swap.
type between struct {
	reconcile.Secrets
	put func()

	mu           sync.Mutex // guards descriptions, and makes them one after another
	descriptions int
	once         sync.Once
	swapped      chan struct{}
}

func (s *between) Describe(ctx context.Context, id string) (reconcile.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.descriptions++; s.descriptions {
	case 2:
		s.put()
	case 3:
		<-s.swapped
	}
	return s.Secrets.Describe(ctx, id)
}

func (s *between) Swap(ctx context.Context, arn, to, from string) error {
	defer s.once.Do(func() { close(s.swapped) })
	return s.Secrets.Swap(ctx, arn, to, from)
}

// The first binding is equal at its fence. Then an old copy is put, and the second binding
// publishes from that one: AWSCURRENT has not only moved beside the first binding's key.
func TestAPutBetweenTheFencesOfTwoBindingsIsSeenByBoth(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.reconciler.Memory = new(reconcile.Memory)
	h.account.set(map[string]string{"DATABASE_URL": url(1), "CACHE_URL": url(2)})
	b := h.bind("orders", "heroku:format=key", "heroku:config-var=DATABASE_URL CACHE_URL")
	bindings := h.bindings(b.ARN)
	old := `{"DATABASE_URL":"` + want(11) + `","CACHE_URL":"` + want(12) + `"}`
	h.put(b, old)
	h.outcomes(bindings)
	h.outcomes(bindings) // now both are known to be equal
	h.reconciler.Secrets = &between{Secrets: h.reconciler.Secrets, put: func() { h.put(b, old) }, swapped: make(chan struct{})}
	got := h.outcomes(bindings)
	if value := h.value(b); !strings.Contains(value, want(1)) || !strings.Contains(value, want(2)) {
		t.Errorf("%v, and the secret holds %s", got, value)
	}
}

// slowRefusal lets a login be refused only after the first swap.
type slowRefusal struct {
	reconcile.Database
	swapped chan struct{}
}

func (d *slowRefusal) Login(ctx context.Context, u connection.URL, clientTLS string) error {
	err := d.Database.Login(ctx, u, clientTLS)
	if err != nil {
		<-d.swapped
	}
	return err
}

func TestABindingThatIsHeldTakesNoOtherOfItsSecretForAWriter(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.set(map[string]string{"DATABASE_URL": url(1), "CACHE_URL": url(2)})
	b := h.bind("orders", "heroku:format=key", "heroku:config-var=DATABASE_URL CACHE_URL")
	bindings := h.bindings(b.ARN)
	h.outcomes(bindings)
	h.account.set(map[string]string{"DATABASE_URL": url(11), "CACHE_URL": url(12)})
	h.database.answer(11, reconcile.ErrRefused)
	secrets := &between{Secrets: h.reconciler.Secrets, put: func() {}, swapped: make(chan struct{})}
	h.reconciler.Secrets, h.reconciler.Database = secrets, &slowRefusal{h.reconciler.Database, secrets.swapped}
	h.aws.ResetCalls()
	for _, r := range h.reconciler.Update(t.Context(), bindings) {
		if r.Conflicts > 0 {
			t.Errorf("%s: %s after %d conflicts", r.ConfigVar, r.Outcome, r.Conflicts)
		}
	}
	if calls := h.aws.Calls(); calls["GetSecretValue"] != 1 || calls["DescribeSecret"] != 2 {
		t.Errorf("%v", calls)
	}
	if value := h.value(b); !strings.Contains(value, want(1)) || !strings.Contains(value, want(12)) {
		t.Errorf("%s", value)
	}
}

// A run works on four bindings at once: later ones begin when others have published.
func TestManyBindingsOfOneSecretPublishWithoutAConflict(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.reconciler.Memory = new(reconcile.Memory)
	const many = 20
	var names []string
	for n := range many {
		names = append(names, fmt.Sprint("URL_", n))
	}
	b := h.bind("orders", "heroku:format=key", "heroku:config-var="+strings.Join(names, " "))
	h.put(b, neighbours(""))
	bindings := h.bindings(b.ARN)
	for round := range 2 {
		vars := make(map[string]string)
		for n, name := range names {
			vars[name] = url(many*round + n)
		}
		h.account.set(vars)
		h.account.reads = 0
		h.aws.ResetCalls()
		for _, r := range h.reconciler.Update(t.Context(), bindings) {
			if r.Outcome != reconcile.Published || r.Conflicts > 0 || r.Err != nil {
				t.Errorf("round %d: %s: %s after %d conflicts, %v", round, r.ConfigVar, r.Outcome, r.Conflicts, r.Err)
			}
		}
		// One of them stages beside its login, and again if it is not the first to publish.
		if puts := h.aws.Calls()["PutSecretValue"]; puts > many+1 {
			t.Errorf("round %d: %d puts", round, puts)
		}
		if h.account.reads != 2 {
			t.Errorf("round %d: Heroku was read %d times", round, h.account.reads)
		}
	}
}

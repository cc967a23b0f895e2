package keeper_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/keeper"
)

func TestUpdateFillsAnEmptySecret(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	b := h.bind("first", "heroku:format=url")
	r := h.mustPublish(b)
	if got := h.value(b); got != want(1) {
		t.Errorf("the secret holds %q", got)
	}
	if calls := h.aws.Calls(); calls["UpdateSecretVersionStage"] != 0 {
		t.Error("the first value was swapped in, although its put had made it AWSCURRENT")
	}
	if now := h.binding(b.ARN); now.Current != r.Version || now.Candidate != r.Version {
		t.Errorf("labels: %+v", now)
	}
}

func TestUpdateFollowsTheConfigVar(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.bind("follow", "heroku:format=url")
	versions := make(map[string]bool)
	for _, n := range []int{1, 2, 1, 2, 3} { // a URL that returns is a new version
		h.account.show(n)
		versions[h.mustPublish(b).Version] = true
		if got := h.value(b); got != want(n) {
			t.Fatalf("the secret holds %q, want %q", got, want(n))
		}
	}
	if len(versions) != 5 {
		t.Errorf("5 publications made %d versions", len(versions))
	}
	if reads := h.aws.Calls()["GetSecretValue"]; reads != 5 { // the test's own
		t.Errorf("the keeper read %d values", reads-5)
	}
}

func TestUpdateIsQuietWhenNothingChanged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	b := h.bind("quiet")
	h.mustPublish(b)
	h.aws.ResetCalls()
	for range 10 {
		if r := h.update(b); r.Outcome != keeper.Unchanged || r.Err != nil {
			t.Fatalf("%s: %v", r.Outcome, r.Err)
		}
	}
	calls := h.aws.Calls()
	if calls["DescribeSecret"] != 10 || len(calls) != 1 {
		t.Errorf("calls: %v", calls)
	}
}

func TestUpdateReadsHerokuOnceForAllBindingsOfAnApp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.set(map[string]string{"DATABASE_URL": url(1), "OTHER_URL": url(2)})
	bindings := []binding.Binding{
		h.bind("as-json"), h.bind("as-url", "heroku:format=url"), h.bind("of-other", "heroku:config-var=OTHER_URL", "heroku:format=url"),
		h.bind("a"), h.bind("b"), h.bind("c"), h.bind("d"),
	}
	for i, r := range h.keeper.Update(t.Context(), source, bindings) {
		if r.Outcome != keeper.Published || r.ARN != bindings[i].ARN {
			t.Errorf("%s: %s, %v", r.Name, r.Outcome, r.Err)
		}
	}
	if h.account.reads != 1 {
		t.Errorf("%d reads of config vars", h.account.reads)
	}
	if got := h.value(bindings[0]); !strings.HasPrefix(got, `{"DATABASE_URL":"`+want(1)) {
		t.Errorf("json: %s", got)
	}
	if got := h.value(bindings[2]); got != want(2) {
		t.Errorf("another config var: %s", got)
	}
}

func TestUpdateLeavesTheSecretAsItIsWithoutAUsableConfigVar(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string]string{
		"no config vars at all": {},
		"missing":               {"OTHER": url(2)},
		"empty":                 {"DATABASE_URL": ""},
		"not a URL":             {"DATABASE_URL": "pEXAMPLE2"},
		"another scheme":        {"DATABASE_URL": "mysql://u1:pEXAMPLE2@db.example/d1"},
		"no host":               {"DATABASE_URL": "postgres://u1:pEXAMPLE2@/d1"},
		"no database":           {"DATABASE_URL": "postgres://u1:pEXAMPLE2@db.example"},
	}
	for name, vars := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.account.show(1)
			b := h.bind("kept", "heroku:format=url")
			h.mustPublish(b)
			h.aws.ResetCalls()
			h.account.set(vars)
			r := h.update(b)
			if r.Outcome != keeper.Failed || r.Err == nil {
				t.Fatalf("%s: %v", r.Outcome, r.Err)
			}
			for _, part := range []string{"shop", "DATABASE_URL", "kept"} {
				if !strings.Contains(r.Err.Error(), part) {
					t.Errorf("the error does not name %s: %v", part, r.Err)
				}
			}
			if strings.Contains(r.Err.Error(), "EXAMPLE2") {
				t.Errorf("the error shows the credential: %v", r.Err)
			}
			if n := wrote(h.aws.Calls()); n != 0 || h.value(b) != want(1) {
				t.Errorf("%d writes, the secret holds %s", n, h.value(b))
			}
		})
	}
}

func TestUpdateFailsWithHerokusError(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.err = errors.New("Heroku is away")
	r := h.update(h.bind("away"))
	if r.Outcome != keeper.Failed || !errors.Is(r.Err, h.account.err) || wrote(h.aws.Calls()) != 1 {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
}

// A slow writer has seen an old URL and goes on when a newer one is published.
func TestUpdateNeverGoesBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	b := h.bind("fenced", "heroku:format=url")
	h.mustPublish(b)

	slow := h.another(func(late *account) {
		h.account.show(3)
		h.mustPublish(b)
		late.show(2) // what it saw before that
	})
	r := slow.Update(t.Context(), source, []binding.Binding{b})[0]
	if r.Conflicts != 1 || r.Outcome != keeper.Unchanged {
		t.Errorf("the slow writer: %s after %d conflicts: %v", r.Outcome, r.Conflicts, r.Err)
	}
	if got := h.value(b); got != want(3) {
		t.Fatalf("AWSCURRENT went back to %q", got)
	}
}

func TestTheFirstValueNeverGoesBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.bind("first-race", "heroku:format=url")
	slow := h.another(func(late *account) {
		h.account.show(3)
		h.mustPublish(b)
		late.show(2)
	})
	r := slow.Update(t.Context(), source, []binding.Binding{b})[0]
	if r.Conflicts != 1 || r.Outcome != keeper.Unchanged || h.value(b) != want(3) {
		t.Errorf("the slow writer: %s after %d conflicts: %v; the secret holds %s", r.Outcome, r.Conflicts, r.Err, h.value(b))
	}
}

// another returns a second keeper that is overtaken between its fence and the
// answer of its first observation; later ones are up to date.
func (h *house) another(overtake func(late *account)) *keeper.Keeper {
	late := &account{}
	late.before = func(read int) {
		if read == 1 {
			overtake(late)
			return
		}
		h.account.mu.Lock()
		defer h.account.mu.Unlock()
		late.set(h.account.vars)
	}
	k := *h.keeper
	k.Heroku = func(string) keeper.Heroku { return late }
	return &k
}

func TestUpdateGivesUpAfterABoundedNumberOfConflicts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	b := h.bind("contended", "heroku:format=url")
	h.mustPublish(b)
	other := 100
	h.account.before = func(int) { // another writer is faster each time
		other++
		if _, err := h.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &b.ARN, SecretString: aws.String(want(other))}); err != nil {
			t.Error(err)
		}
	}
	h.account.show(2)
	r := h.update(b)
	if r.Outcome != keeper.Failed || !errors.Is(r.Err, keeper.ErrConflict) || r.Conflicts != 5 {
		t.Errorf("%s after %d conflicts: %v", r.Outcome, r.Conflicts, r.Err)
	}
	if got := h.value(b); got != want(other) {
		t.Errorf("the other writer's %s was replaced by %s", want(other), got)
	}
}

func TestWritersOfTheSameStepMakeOneVersion(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	b := h.bind("together", "heroku:format=url")
	h.mustPublish(b)
	h.account.show(2)
	var wg sync.WaitGroup
	results := make([]keeper.Result, 8)
	for i := range results {
		wg.Go(func() { results[i] = h.update(b) })
	}
	wg.Wait()
	published := 0
	for _, r := range results {
		switch r.Outcome {
		case keeper.Published:
			published++
		case keeper.Unchanged:
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

func TestUpdateTakesTheTagsOfTheFence(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change  func(h *house, b binding.Binding) error
		outcome keeper.Outcome
	}{
		"opted out": {func(h *house, b binding.Binding) error { return h.tag(b, "heroku:sync", "off") }, keeper.Off},
		"rebound":   {func(h *house, b binding.Binding) error { return h.tag(b, "heroku:app", "other-app") }, keeper.Off},
		"unbound":   {func(h *house, b binding.Binding) error { return h.untag(b, "heroku:app") }, keeper.Off},
		"nonsense":  {func(h *house, b binding.Binding) error { return h.tag(b, "heroku:format", "xml") }, keeper.Failed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.account.show(1)
			listed := h.bind("listed")
			if err := tt.change(h, listed); err != nil {
				t.Fatal(err)
			}
			if r := h.update(listed); r.Outcome != tt.outcome || h.value(listed) != "" {
				t.Errorf("%s: %v, the secret holds %q", r.Outcome, r.Err, h.value(listed))
			}
		})
	}
}

func (h *house) tag(b binding.Binding, key, value string) error {
	_, err := h.client.TagResource(h.t.Context(), &secretsmanager.TagResourceInput{SecretId: &b.ARN, Tags: []types.Tag{{Key: &key, Value: &value}}})
	return err
}

func (h *house) untag(b binding.Binding, key string) error {
	_, err := h.client.UntagResource(h.t.Context(), &secretsmanager.UntagResourceInput{SecretId: &b.ARN, TagKeys: []string{key}})
	return err
}

func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	filled, empty := h.bind("filled"), h.bind("empty")
	h.mustPublish(filled)
	h.account.show(2)
	h.keeper.DryRun = true
	h.aws.ResetCalls()
	for _, r := range h.keeper.Update(t.Context(), source, []binding.Binding{filled, empty}) {
		if r.Outcome != keeper.Published {
			t.Errorf("%s: %s, %v", r.Name, r.Outcome, r.Err)
		}
	}
	if calls := h.aws.Calls(); wrote(calls) != 0 {
		t.Errorf("calls: %v", calls)
	}
}

func TestAChangedSigningKeyIsNoReasonToPublish(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	b := h.bind("rekeyed")
	h.keeper.Keys = keys("old-EXAMPLE")
	h.mustPublish(b)
	h.keeper.Keys = keys("new-EXAMPLE", "old-EXAMPLE")
	if r := h.update(b); r.Outcome != keeper.Unchanged {
		t.Errorf("with the old key known: %s, %v", r.Outcome, r.Err)
	}
	h.keeper.Keys = keys("newest-EXAMPLE", "new-EXAMPLE")
	h.mustPublish(b)
	if r := h.update(b); r.Outcome != keeper.Unchanged {
		t.Errorf("after one publication under the new key: %s, %v", r.Outcome, r.Err)
	}
}

func TestVersionIDsTellNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	a, b := h.mustPublish(h.bind("one", "heroku:format=url")), h.mustPublish(h.bind("two", "heroku:format=url"))
	if len(a.Version) != 64 || strings.Trim(a.Version, "0123456789abcdef") != "" {
		t.Errorf("version id %s", a.Version)
	}
	if a.Version[:32] == b.Version[:32] {
		t.Error("two secrets with the same value show the same digest")
	}
}

func TestLagIsFromTheReleaseToAWSCurrent(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tests := map[string]struct {
		released, moved time.Time
		lag             time.Duration
		known           bool
	}{
		"both known":           {now.Add(-time.Second), now, time.Second, true},
		"no release known":     {time.Time{}, now, 0, false},
		"not published":        {now, time.Time{}, 0, false},
		"clocks that disagree": {now.Add(time.Second), now, 0, true},
	}
	for name, tt := range tests {
		r := keeper.Result{Released: tt.released, Moved: tt.moved}
		r.Current = "the version before"
		if lag, known := r.Lag(); lag != tt.lag || known != tt.known {
			t.Errorf("%s: %v, known: %t", name, lag, known)
		}
	}
}

// A certificate that cannot be read says nothing of either credential.
func TestNothingIsPublishedOnALoginThatWasNotTried(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	b := h.bind("untried", "heroku:format=url")
	h.mustPublish(b)
	h.account.set(map[string]string{"DATABASE_URL": "postgres://u1:pEXAMPLE2@elsewhere.example:5432/d1"})
	h.database.answer(1, keeper.ErrUntried)
	h.database.answer(2, keeper.ErrUntried)
	if r := h.update(b); r.Outcome != keeper.Failed || h.value(b) != want(1) {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
	h.database.answer(2, errors.New("cannot be reached"))
	if r := h.update(b); r.Outcome != keeper.Failed || h.value(b) != want(1) {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
}

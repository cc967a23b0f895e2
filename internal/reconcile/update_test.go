package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/secretstest"
)

func TestUpdateFillsAnEmptySecret(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
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
	h := newFixture(t)
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
	// The reads are the test's own, and one for each version that was there before a put. A
	// container with a memory does not read what it knows.
	if reads := h.aws.Calls()["GetSecretValue"]; reads != 5+4 {
		t.Errorf("the reconciler read %d values", reads-5)
	}
}

func TestUpdateIsQuietWhenNothingChanged(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	for range 10 {
		if r := h.update(b); r.Outcome != reconcile.Unchanged || r.Err != nil {
			t.Fatalf("%s: %v", r.Outcome, r.Err)
		}
	}
	calls := h.aws.Calls()
	if calls["DescribeSecret"] != 20 || len(calls) != 1 { // before Heroku was asked, and after it
		t.Errorf("calls: %v", calls)
	}
	if h.database.logins != 1 { // with the first value
		t.Errorf("%d logins", h.database.logins)
	}
}

func TestUpdateReadsHerokuOnceForAllBindingsOfAnApp(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.set(map[string]string{"DATABASE_URL": url(1), "OTHER_URL": url(2)})
	bindings := []reconcile.Binding{
		h.bind("as-json"), h.bind("as-url", "heroku:format=url"), h.bind("of-other", "heroku:config-var=OTHER_URL", "heroku:format=url"),
		h.bind("a"), h.bind("b"), h.bind("c"), h.bind("d"),
	}
	for i, r := range h.reconciler.Update(t.Context(), bindings) {
		if r.Outcome != reconcile.Published || r.ARN != bindings[i].ARN {
			t.Errorf("%s: %s, %v", r.Name, r.Outcome, r.Err)
		}
	}
	if h.account.reads != 2 { // before the swaps, and after them
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
			h, b := upToDate(t)
			h.account.set(vars)
			r := h.update(b)
			if r.Outcome != reconcile.Failed || r.Err == nil {
				t.Fatalf("%s: %v", r.Outcome, r.Err)
			}
			for _, part := range []string{"shop", "DATABASE_URL", "orders"} {
				if !strings.Contains(r.Err.Error(), part) {
					t.Errorf("the error does not name %s: %v", part, r.Err)
				}
			}
			if strings.Contains(r.Err.Error(), "EXAMPLE2") {
				t.Errorf("the error shows the credential: %v", r.Err)
			}
			if n := h.writes(); n != 0 || h.value(b) != want(1) {
				t.Errorf("%d writes, the secret holds %s", n, h.value(b))
			}
		})
	}
}

func TestUpdateFailsWithHerokusError(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	away := errors.New("Heroku is away")
	h.account.fail(away)
	if r := h.update(b); r.Outcome != reconcile.Failed || !errors.Is(r.Err, away) || h.writes() != 0 {
		t.Errorf("%s after %d writes: %v", r.Outcome, h.writes(), r.Err)
	}
}

// A swap to a version that is not there would fail, or worse.
func TestNothingIsSwappedThatCouldNotBeStaged(t *testing.T) {
	t.Parallel()
	denied := errors.New("putting is denied")
	for name, stage := range map[string]func() (bool, error){
		"an error": func() (bool, error) { return false, denied },
		"a panic":  func() (bool, error) { panic(url(2)) },
	} {
		h, b := upToDate(t)
		h.account.show(2)
		h.reconciler.Secrets = unstaged{h.reconciler.Secrets, stage}
		r := h.update(b)
		if r.Outcome != reconcile.Failed || name == "an error" && !errors.Is(r.Err, denied) || strings.Contains(r.Err.Error(), "EXAMPLE") {
			t.Errorf("%s: %s, %v", name, r.Outcome, r.Err)
		}
		if h.writes() != 0 {
			t.Errorf("%s: calls %v", name, h.aws.Calls())
		}
	}
}

// unstaged is a Secrets Manager that refuses every put.
type unstaged struct {
	reconcile.Secrets
	stage func() (bool, error)
}

func (u unstaged) Stage(context.Context, string, string, credential.Value) (bool, error) {
	return u.stage()
}

// The end of a run is not an answer of the server, and a report must not show it as one.
func TestALoginThatTheEndOfTheRunCutShortIsAFailure(t *testing.T) {
	t.Parallel()
	for name, shows := range map[string]int{"of the first value": 0, "of an equal one": 1, "of another one": 2} {
		h, b := upToDate(t)
		h.account.show(max(shows, 1))
		if shows == 0 {
			b = h.bind("empty")
		}
		ctx, cancel := context.WithCancel(t.Context())
		h.reconciler.Database, h.reconciler.Patience = ends{cancel}, time.Minute
		r := h.reconciler.Update(ctx, []reconcile.Binding{b})[0]
		if r.Outcome != reconcile.Failed || !errors.Is(r.Err, context.Canceled) || errors.Is(r.Err, reconcile.ErrRefused) {
			t.Errorf("%s: %s, %v", name, r.Outcome, r.Err)
		}
	}
}

// ends is a database whose logins end the run.
type ends struct{ cancel context.CancelFunc }

func (e ends) Login(context.Context, connection.URL, string) error {
	e.cancel()
	return refused
}

func TestUpdateTakesTheTagsOfTheFence(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change  func(h *fixture, b reconcile.Binding) error
		outcome reconcile.Outcome
	}{
		"opted out": {func(h *fixture, b reconcile.Binding) error { return h.tag(b, "heroku:sync", "off") }, reconcile.Off},
		"rebound":   {func(h *fixture, b reconcile.Binding) error { return h.tag(b, "heroku:app", "other-app") }, reconcile.Elsewhere},
		"unbound":   {func(h *fixture, b reconcile.Binding) error { return h.untag(b, "heroku:app") }, reconcile.Elsewhere},
		"nonsense":  {func(h *fixture, b reconcile.Binding) error { return h.tag(b, "heroku:format", "xml") }, reconcile.Failed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
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

func (h *fixture) tag(b reconcile.Binding, key, value string) error {
	_, err := h.client.TagResource(h.t.Context(), &secretsmanager.TagResourceInput{SecretId: &b.ARN, Tags: []types.Tag{{Key: &key, Value: &value}}})
	return err
}

func (h *fixture) untag(b reconcile.Binding, key string) error {
	_, err := h.client.UntagResource(h.t.Context(), &secretsmanager.UntagResourceInput{SecretId: &b.ARN, TagKeys: []string{key}})
	return err
}

func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	h, filled := upToDate(t)
	empty := h.bind("empty")
	h.account.show(2)
	h.reconciler.DryRun = true
	h.aws.ResetCalls()
	for _, r := range h.reconciler.Update(t.Context(), []reconcile.Binding{filled, empty}) {
		if r.Outcome != reconcile.Published {
			t.Errorf("%s: %s, %v", r.Name, r.Outcome, r.Err)
		}
	}
	if n := h.writes(); n != 0 {
		t.Errorf("%d writes", n)
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
		r := reconcile.Result{Released: tt.released, Moved: tt.moved}
		r.Current = "the version before"
		if lag, known := r.Lag(); lag != tt.lag || known != tt.known {
			t.Errorf("%s: %v, known: %t", name, lag, known)
		}
	}
}

func TestASecretThatWasMadeAnewIsFoundByItsName(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.account.show(2)
	b.ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:orders-EXAMPL"
	h.mustPublish(b)
	b.Name = ""
	if r := h.update(b); r.Outcome != reconcile.Failed || !errors.Is(r.Err, reconcile.ErrNoSecret) {
		t.Errorf("without a name: %s: %v", r.Outcome, r.Err)
	}
}

// What AWS does not answer says nothing of the tags: a person has nothing to repair.
func TestASecretThatCannotBeDescribedIsAFailure(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.aws.Intercept(func(secretstest.Call) secretstest.Fault { return secretstest.Fail(400, "AccessDeniedException") })
	r := h.update(b)
	if r.Outcome != reconcile.Failed || r.ForAPerson() || h.account.reads != 0 {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
}

func TestAReplicaIsOffAndSaysWhy(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.account.show(2)
	h.aws.Mark("orders", secretstest.Kind{PrimaryRegion: "eu-west-1"})
	if r := h.update(b); r.Outcome != reconcile.Off || !errors.Is(r.Err, reconcile.ErrReplica) || h.writes() != 0 {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
}

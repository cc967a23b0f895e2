package reconcile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/secretstest"
)

// put gives a secret a value, as a person or another tool does.
func (h *fixture) put(b reconcile.Binding, value string) {
	h.t.Helper()
	if _, err := h.client.PutSecretValue(h.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &b.ARN, SecretString: &value}); err != nil {
		h.t.Fatal(err)
	}
}

// versions is how many a secret has, those without a label included.
func (h *fixture) versions(b reconcile.Binding) int {
	h.t.Helper()
	all := true
	out, err := h.client.ListSecretVersionIds(h.t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: &b.ARN, IncludeDeprecated: &all})
	if err != nil {
		h.t.Fatal(err)
	}
	return len(out.Versions)
}

// Two stacks in one Region see the same tags and have different signing keys.
func TestTwoStacksDoNotFight(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	b := h.bind("shared")
	stacks := make([]reconcile.Reconciler, 2)
	for i, key := range []string{"one-EXAMPLE", "two-EXAMPLE"} {
		stacks[i] = *h.reconciler
		stacks[i].Keys, stacks[i].Memory = keys(key), new(reconcile.Memory)
	}
	for n := range 2 {
		h.account.show(n)
		for round := range 60 {
			for i := range stacks {
				results, err := stacks[i].Poll(t.Context(), reconcile.Round{})
				if err != nil || results[0].Outcome == reconcile.Failed {
					t.Fatalf("%v, %v", results, err)
				}
				if first := round == 0 && i == 0; first != (results[0].Outcome == reconcile.Published) {
					t.Fatalf("round %d of stack %d: %s", round, i, results[0].Outcome)
				}
			}
		}
	}
	if n := h.versions(b); n != 2 {
		t.Errorf("two values made %d versions", n)
	}
	if reads := h.aws.Calls()["GetSecretValue"]; reads > 3 {
		t.Errorf("240 rounds read %d values", reads)
	}
}

// Members that mean the same are equal, whatever their spelling and their writer. A value
// is read once.
func TestWhatAnotherToolWroteIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	json := `{"port":5432, "host":"db.example", "engine":"postgres", "username":"u1", "dbname":"d1",` +
		` "password":"pEXAMPLE1", "DATABASE_URL":"` + want(1) + `"`
	for name, tt := range map[string]struct {
		format, value string
		outcome       reconcile.Outcome
	}{
		"the same text":              {"url", want(1), reconcile.Unchanged},
		"a text with a line end":     {"url", want(1) + "\n", reconcile.Published},
		"the URL as Heroku shows it": {"url", url(1), reconcile.Published},
		"the same members":           {"json", json + "}", reconcile.Unchanged},
		"and one of theirs":          {"json", json + `,"STRIPE_KEY":"EXAMPLE"}`, reconcile.Unchanged},
		"one member is missing":      {"json", strings.Replace(json, `"engine":"postgres", `, "", 1) + "}", reconcile.Published},
		"one member twice":           {"json", json + `,"port":5432}`, reconcile.Published},
		"no JSON":                    {"json", json, reconcile.Published},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
			h.reconciler.Memory = new(reconcile.Memory)
			h.account.show(1)
			b := h.bind("theirs", "heroku:format="+tt.format)
			h.put(b, tt.value)
			h.aws.ResetCalls()
			for round := range 3 {
				outcome := reconcile.Unchanged
				if round == 0 {
					outcome = tt.outcome
				}
				h.expect(outcomes{"theirs": outcome})
			}
			if calls := h.aws.Calls(); calls["GetSecretValue"] != 1 || (tt.outcome == reconcile.Unchanged) != (h.writes() == 0) {
				t.Errorf("calls: %v", calls)
			}
		})
	}
}

// A container reads the value only for a put, and not if it wrote the value itself.
func TestAWarmContainerDoesNotReadWhatItHasWritten(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.reconciler.Memory = new(reconcile.Memory)
	b := h.bind("warm", "heroku:format=url")
	for n := range 3 {
		h.account.show(n)
		h.mustPublish(b)
	}
	if calls := h.aws.Calls(); calls["GetSecretValue"] != 0 {
		t.Errorf("calls: %v", calls)
	}
}

// The label of a candidate that is held goes to the candidate of another stack, and a put
// of a version that AWS knows does not bring it back.
func TestHoldingWritesNothingMore(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.reconciler.Memory = new(reconcile.Memory)
	h.account.show(2)
	h.database.answer(2, refused)
	h.update(b)
	other := *h.reconciler
	other.Keys, other.Memory = keys("other-EXAMPLE"), new(reconcile.Memory)
	other.Update(t.Context(), []reconcile.Binding{b})
	h.aws.ResetCalls()
	for range 3 {
		if r := h.update(b); r.Outcome != reconcile.Held || h.writes() != 0 {
			t.Errorf("%s after %d writes: %v", r.Outcome, h.writes(), r.Err)
		}
	}
	h.database.answer(2, nil)
	h.mustPublish(b)
}

// Its read saves a version, and consumers with a dead credential cannot wait for that.
func TestAValueThatCannotBeReadHoldsNoRotationBack(t *testing.T) {
	t.Parallel()
	for name, login := range map[string]error{"it logs in": nil, "it does not": refused} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, b := upToDate(t)
			h.account.show(2)
			h.database.answer(2, login)
			h.aws.Intercept(func(c secretstest.Call) secretstest.Fault {
				if c.Action == "GetSecretValue" {
					return secretstest.Fail(400, "AccessDeniedException")
				}
				return nil
			})
			r := h.update(b)
			h.aws.Intercept(nil)
			if want := map[bool]reconcile.Outcome{true: reconcile.Published, false: reconcile.Failed}[login == nil]; r.Outcome != want {
				t.Errorf("%s: %v", r.Outcome, r.Err)
			}
		})
	}
}

// Two writers in conflict are reported, but no rotation is held back for that.
func TestAContainerThatWritesASecretTooOftenSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1, false)
		a := newActor(w, 1, "poller", false)
		k := &reconcile.Reconciler{Secrets: a, Heroku: func(string) reconcile.Heroku { return a }, Database: a, Keys: keys("key-EXAMPLE"), Memory: new(reconcile.Memory)}
		b := []reconcile.Binding{{Secret: reconcile.Secret{ARN: "secret-0", Name: "fought-over"}, Source: source}}
		update := func(n int) reconcile.Result {
			w.logins[url(n)] = &lifetime{}
			w.show(url(n))
			return k.Update(t.Context(), b)[0]
		}
		for n := range 4 {
			if r := update(n); r.Outcome != reconcile.Published || r.Err != nil {
				t.Fatalf("rotation %d: %s, %v", n, r.Outcome, r.Err)
			}
			time.Sleep(time.Minute)
		}
		if r := update(4); r.Outcome != reconcile.Published || !errors.Is(r.Err, reconcile.ErrTooOften) || !r.TooOften {
			t.Errorf("the fifth within an hour: %s, %v", r.Outcome, r.Err)
		}
		time.Sleep(time.Hour)
		if r := update(5); r.Outcome != reconcile.Published || r.Err != nil {
			t.Errorf("an hour later: %s, %v", r.Outcome, r.Err)
		}
	})
}

// AWS keeps about a hundred versions of a day. Config vars that each change seldom can make
// too many of them together.
func TestAContainerThatWritesManyConfigVarsOfASecretTooOftenSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := new(reconcile.Memory)
		wrote := func(arn string, n int) bool {
			b := reconcile.Binding{Secret: reconcile.Secret{ARN: arn}, ConfigVar: fmt.Sprintf("V%d_URL", n%20)}
			return m.Wrote(b, fmt.Sprintf("version-%d", n))
		}
		for n := range 50 {
			if wrote("secret", n) || wrote("another", n) {
				t.Fatalf("put %d of each", n+1)
			}
		}
		if !wrote("secret", 50) {
			t.Error("51 puts within an hour are not too many")
		}
		m.Withdraw(reconcile.Binding{Secret: reconcile.Secret{ARN: "secret"}, ConfigVar: "V10_URL"}, "version-50")
		if wrote("secret", 49) {
			t.Error("a put that was withdrawn, and one that was repeated, count")
		}
		time.Sleep(time.Hour + 1)
		for n := range 20 {
			if wrote("secret", 100+n) {
				t.Fatalf("an hour later, put %d", n+1)
			}
		}
	})
}

// unlabel takes HEROKU_CANDIDATE from the candidate, as a put of another writer does.
func (h *fixture) unlabel(b reconcile.Binding) {
	h.t.Helper()
	candidate := h.binding(b.ARN).Candidate
	if _, err := h.client.UpdateSecretVersionStage(h.t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &b.ARN, VersionStage: aws.String("HEROKU_CANDIDATE"), RemoveFromVersionId: &candidate,
	}); err != nil {
		h.t.Fatal(err)
	}
}

// A version can be promoted by its id, so a candidate that has lost its label is not put again,
// unless its swap has failed: then AWS may have removed it.
func TestACandidateThatHasLostItsLabelIsPutAgainIfItsSwapHasFailed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		login error // with the candidate, at first
		swap  secretstest.Fault
		puts  int
	}{
		"it was held":     {refused, nil, 1},
		"its swap failed": {nil, secretstest.Fail(400, "AccessDeniedException"), 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, b := upToDate(t)
			h.reconciler.Memory = new(reconcile.Memory)
			h.account.show(2)
			h.database.answer(2, tt.login)
			h.aws.Intercept(func(c secretstest.Call) secretstest.Fault {
				if c.Action == "UpdateSecretVersionStage" {
					return tt.swap
				}
				return nil
			})
			if r := h.update(b); r.Outcome == reconcile.Published || r.Err == nil {
				t.Fatalf("%s: %v", r.Outcome, r.Err)
			}
			h.aws.Intercept(nil)
			h.database.answer(2, nil)
			h.unlabel(b)
			h.mustPublish(b)
			if puts := h.aws.Calls()["PutSecretValue"]; puts != tt.puts || h.value(b) != want(2) {
				t.Errorf("%d puts, the secret holds %s", puts, h.value(b))
			}
		})
	}
}

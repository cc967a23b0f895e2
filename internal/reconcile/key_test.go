package reconcile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/secretstest"
)

// neighbours is a value with members of others, before and behind a place for ours.
func neighbours(ours string) string {
	return "{\n  \"STRIPE\": \"sk-EXAMPLE\\u0041\", \"price\":1.50 ," + ours + " \"big\" : 12345678901234567890,\n\t\"nested\":{ \"a\":[1, 2 ] } }\n"
}

// several makes a secret in the format key that follows DATABASE_URL, CACHE_URL and
// LOG_URL, with a value, "" for none. It returns its bindings.
func (h *fixture) several(name, value string) []reconcile.Binding {
	h.t.Helper()
	b := h.bind(name, "heroku:format=key", "heroku:config-var=DATABASE_URL CACHE_URL LOG_URL", "heroku:key=db cache LOG_URL")
	if value != "" {
		h.put(b, value)
	}
	return h.bindings(b.ARN)
}

func (h *fixture) bindings(arn string) []reconcile.Binding {
	h.t.Helper()
	secret, err := h.reconciler.Secrets.Describe(h.t.Context(), arn)
	if err != nil {
		h.t.Fatal(err)
	}
	bindings, err := reconcile.ParseBindings(secret)
	if err != nil {
		h.t.Fatal(err)
	}
	return bindings
}

// three makes Heroku show three URLs.
func (h *fixture) three(db, cache, log int) {
	h.account.set(map[string]string{"DATABASE_URL": url(db), "CACHE_URL": url(cache), "LOG_URL": url(log)})
}

// outcomes are those of an update, by config var.
func (h *fixture) outcomes(bindings []reconcile.Binding) map[string]reconcile.Outcome {
	h.t.Helper()
	all := make(map[string]reconcile.Outcome)
	for _, r := range h.reconciler.Update(h.t.Context(), bindings) {
		all[r.ConfigVar] = r.Outcome
		if r.Outcome == reconcile.Failed {
			h.t.Logf("%v", r.Err)
		}
	}
	return all
}

func TestOtherKeysKeepTheirBytes(t *testing.T) {
	t.Parallel()
	for name, ours := range map[string]string{
		"no key of ours":    ``,
		"one of three":      ` "db" : "old" ,`,
		"two, in no order":  `"LOG_URL":"old","\u0064b":{"an":"object"},`,
		"a number of ours":  `"cache":7,`,
		"ours is a nothing": `"cache":null,`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
			h.three(1, 2, 3)
			bindings := h.several("orders", neighbours(ours))
			got := h.outcomes(bindings)
			if fmt.Sprint(got) != "map[CACHE_URL:published DATABASE_URL:published LOG_URL:published]" {
				t.Fatalf("%v", got)
			}
			value := h.value(bindings[0])
			for _, part := range []string{"{\n  \"STRIPE\": \"sk-EXAMPLE\\u0041\", \"price\":1.50 ,", " \"big\" : 12345678901234567890,\n\t\"nested\":{ \"a\":[1, 2 ] }"} {
				if !strings.Contains(value, part) {
					t.Errorf("%q is gone from %s", part, value)
				}
			}
			for _, n := range []int{1, 2, 3} {
				if strings.Count(value, want(n)) != 1 {
					t.Errorf("URL %d is not there once: %s", n, value)
				}
			}
			if calls := h.aws.Calls(); calls["UpdateSecretVersionStage"] != 3 {
				t.Errorf("%v", calls)
			}
		})
	}
}

func TestTheBindingsOfOneSecretPublishWithoutAConflict(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"an empty secret": "", "one with others": neighbours("")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
			h.reconciler.Memory = new(reconcile.Memory)
			h.three(1, 2, 3)
			bindings := h.several("orders", value)
			for n := range 4 {
				h.account.reads = 0
				h.three(4*n+1, 4*n+2, 4*n+3)
				for _, r := range h.reconciler.Update(t.Context(), bindings) {
					if r.Outcome != reconcile.Published || r.Conflicts > 0 {
						t.Errorf("round %d: %s: %s, %d conflicts, %v", n, r.ConfigVar, r.Outcome, r.Conflicts, r.Err)
					}
				}
				if h.account.reads != 2 { // before the swap, and once more
					t.Errorf("round %d: Heroku was read %d times", n, h.account.reads)
				}
			}
		})
	}
}

func TestABindingThatIsHeldOrMissingLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.reconciler.Memory = new(reconcile.Memory)
	h.three(1, 2, 3)
	bindings := h.several("orders", neighbours(""))
	h.outcomes(bindings)
	h.database.answer(11, errors.Join(reconcile.ErrRefused))
	h.account.set(map[string]string{"DATABASE_URL": url(11), "CACHE_URL": url(12)})
	for round := range 5 {
		h.aws.ResetCalls()
		got := h.outcomes(bindings)
		if got["DATABASE_URL"] != reconcile.Held || got["LOG_URL"] != reconcile.Failed || (got["CACHE_URL"] == reconcile.Published) != (round == 0) {
			t.Errorf("round %d: %v", round, got)
		}
		if puts := h.aws.Calls()["PutSecretValue"]; round > 1 && puts > 0 {
			t.Errorf("round %d: %d puts", round, puts)
		}
	}
	value := h.value(bindings[0])
	if !strings.Contains(value, want(1)) || !strings.Contains(value, want(12)) || !strings.Contains(value, want(3)) {
		t.Errorf("%s", value)
	}
}

func TestWhatCannotTakeAKeyStaysAndIsAPersonsMatter(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"a text":            "postgres://u:pEXAMPLE@h/d",
		"a list":            `[{"db":"x"}]`,
		"a cut object":      `{"a":"b"`,
		"two objects":       `{"a":"b"}{}`,
		"a key named twice": `{"db":"a","x":1,"\u0064b":"b"}`,
		"too large":         `{"a":"` + strings.Repeat("x", 65_500) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
			h.reconciler.Memory = new(reconcile.Memory)
			h.account.show(1)
			b := h.bind("orders", "heroku:format=key", "heroku:key=db")
			h.put(b, value)
			for round := range 3 {
				h.aws.ResetCalls()
				r := h.update(b)
				if r.Outcome != reconcile.Failed || !errors.Is(r.Err, reconcile.ErrValue) || !r.ForAPerson() || strings.Contains(r.Err.Error(), "EXAMPLE") {
					t.Errorf("%s: %v", r.Outcome, r.Err)
				}
				calls := h.aws.Calls()
				if h.writes() > 0 || round > 0 && calls["GetSecretValue"] > 0 {
					t.Errorf("round %d: %v", round, calls)
				}
			}
			if h.value(b) != value {
				t.Error("it has changed")
			}
		})
	}
}

// A person edits other keys, all the time; each version is read once.
func TestOnlyAChangeOfOursIsWritten(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.reconciler.Memory = new(reconcile.Memory)
	h.three(1, 2, 3)
	bindings := h.several("orders", neighbours(""))
	h.outcomes(bindings)
	h.aws.ResetCalls()
	for round := range 100 {
		if round%10 == 5 {
			h.put(bindings[0], strings.Replace(h.value(bindings[0]), "sk-EXAMPLE", fmt.Sprint("sk-EXAMPLE", round), 1))
			h.aws.ResetCalls()
		}
		results, err := h.reconciler.Poll(t.Context(), reconcile.Round{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Outcome != reconcile.Unchanged {
				t.Fatalf("round %d: %s: %s, %v", round, r.ConfigVar, r.Outcome, r.Err)
			}
		}
		calls := h.aws.Calls()
		if h.writes() > 0 || calls["GetSecretValue"] > 1 {
			t.Fatalf("round %d: %v", round, calls)
		}
	}
}

// Another writer adds a key between our fence and our swap.
func TestAnEditBetweenFenceAndSwapIsKept(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.show(1)
	b := h.bind("orders", "heroku:format=key")
	h.put(b, `{"n":0}`)
	h.account.before = func(read int) {
		if read == 1 {
			h.put(b, `{"n":1}`)
		}
	}
	r := h.mustPublish(b)
	if got := h.value(b); got != `{"n":1,"DATABASE_URL":"`+want(1)+`"}` || r.Conflicts != 1 {
		t.Errorf("%s after %d conflicts", got, r.Conflicts)
	}
}

func TestAConfigVarThatIsNamedNoMoreIsElsewhere(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.three(1, 2, 3)
	listed := h.several("orders", neighbours(""))
	if _, err := h.client.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: &listed[0].ARN, Tags: tagList("heroku:config-var=CACHE_URL LOG_URL", "heroku:key=cache LOG_URL")}); err != nil {
		t.Fatal(err)
	}
	if got := h.outcomes(listed); fmt.Sprint(got) != "map[CACHE_URL:published DATABASE_URL:elsewhere LOG_URL:published]" {
		t.Errorf("%v", got)
	}
}

func tagList(tags ...string) (list []types.Tag) {
	for _, tag := range tags {
		key, value, _ := strings.Cut(tag, "=")
		list = append(list, types.Tag{Key: &key, Value: &value})
	}
	return list
}

// A held candidate is put when it logs in, and not with each edit of another key.
func TestAHeldBindingPutsNothingWhenOthersEdit(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.reconciler.Memory = new(reconcile.Memory)
	h.account.show(1)
	b := h.bind("orders", "heroku:format=key")
	h.put(b, `{"n":0}`)
	h.mustPublish(b)
	h.account.show(2)
	h.database.answer(2, reconcile.ErrRefused)
	h.update(b)
	for n := range 10 {
		h.put(b, strings.Replace(h.value(b), fmt.Sprint(n), fmt.Sprint(n+1), 1))
		h.aws.ResetCalls()
		if r := h.update(b); r.Outcome != reconcile.Held || r.TooOften || h.writes() > 0 {
			t.Errorf("%s: %v, %v", r.Outcome, r.Err, h.aws.Calls())
		}
	}
	h.database.answer(2, nil)
	h.mustPublish(b)
	if got := h.value(b); !strings.Contains(got, want(2)) || !strings.Contains(got, `"n":10`) {
		t.Errorf("%s", got)
	}
}

// Whatever others keep in a secret, it is read once.
func TestASecretWithThousandsOfKeysIsQuiet(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.reconciler.Memory = new(reconcile.Memory)
	h.three(1, 2, 3)
	var others strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&others, `"k%d":%d,`, i, i)
	}
	bindings := h.several("orders", "{"+others.String()+`"last":0}`)
	h.outcomes(bindings)
	h.reconciler.Memory = new(reconcile.Memory) // another container
	for round := range 10 {
		h.aws.ResetCalls()
		if _, err := h.reconciler.Poll(t.Context(), reconcile.Round{}); err != nil {
			t.Fatal(err)
		}
		if calls := h.aws.Calls(); h.writes() > 0 || calls["GetSecretValue"] > 1 || round > 0 && calls["GetSecretValue"] > 0 {
			t.Errorf("round %d: %v", round, calls)
		}
	}
}

// Without the value nobody knows what the other keys are.
func TestAValueThatCannotBeReadTakesNoKey(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.show(1)
	b := h.bind("orders", "heroku:format=key", "heroku:key=db")
	h.put(b, neighbours(""))
	h.aws.ResetCalls()
	h.aws.Intercept(func(c secretstest.Call) secretstest.Fault {
		if c.Action == "GetSecretValue" {
			return secretstest.Fail(400, "AccessDeniedException")
		}
		return nil
	})
	r := h.update(b)
	h.aws.Intercept(nil)
	if r.Outcome != reconcile.Failed || h.writes() != 0 || h.value(b) != neighbours("") {
		t.Errorf("%s after %d writes: %v", r.Outcome, h.writes(), r.Err)
	}
}

package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/keeper"
)

var (
	refused     = fmt.Errorf("db.example:5432: %w", keeper.ErrRefused)
	noTLS       = fmt.Errorf("db.example:5432: %w", keeper.ErrNoTLS)
	full        = fmt.Errorf("db.example:5432: %w", keeper.ErrFull)
	unreachable = errors.New("db.example:5432 cannot be reached")
)

// A secret is replaced only by a URL that logs in, or when the one it holds no
// longer does.
func TestVerdictOfTheTwoLogins(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		candidate, current error // "elsewhere": the candidate is at another address
		outcome            keeper.Outcome
		noted              bool // the publication carries a warning
	}{
		"the candidate logs in":                              {nil, nil, keeper.Published, false},
		"the candidate logs in, the old one no longer":       {nil, refused, keeper.Published, false},
		"refused, and the old one logs in":                   {refused, nil, keeper.Held, false},
		"unreachable, and the old one logs in":               {unreachable, nil, keeper.Held, false},
		"without TLS, and the old one logs in":               {noTLS, nil, keeper.Held, false},
		"without TLS, and the old one is refused":            {noTLS, refused, keeper.Held, false},
		"refused, and the old one perhaps not":               {refused, unreachable, keeper.Held, false},
		"unreachable, and the old one finds the server full": {unreachable, full, keeper.Held, false},
		"refused, and the old one finds the server full":     {refused, full, keeper.Held, false},
		"full, and the old one is refused":                   {full, refused, keeper.Published, true},
		"refused, and the old one, too":                      {refused, refused, keeper.Published, true},
		"unreachable, and the old one is refused":            {unreachable, refused, keeper.Published, true},
		"unreachable, and the old one, too":                  {unreachable, unreachable, keeper.Held, false},
		"elsewhere, unreachable, and the old one, too":       {unreachable, unreachable, keeper.Published, true},
		"elsewhere, refused, and the old one unreachable":    {refused, unreachable, keeper.Held, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.account.show(1)
			b := h.bind("judged", "heroku:format=url")
			h.mustPublish(b)
			h.database.answer(1, tt.current)
			h.database.answer(2, tt.candidate)
			candidate := url(2)
			if strings.HasPrefix(name, "elsewhere") {
				candidate = strings.Replace(candidate, "db.example", "other.example", 1)
			}
			h.account.set(map[string]string{"DATABASE_URL": candidate})
			r := h.update(b)
			if r.Outcome != tt.outcome || r.Outcome == keeper.Published && (r.Err != nil) != tt.noted {
				t.Errorf("%s: %v", r.Outcome, r.Err)
			}
			holds := want(1)
			if tt.outcome == keeper.Published {
				holds = candidate + "?sslmode=require"
			}
			if got := h.value(b); got != holds {
				t.Errorf("the secret holds %s, want %s", got, holds)
			}
		})
	}
}

func TestAHeldCandidateIsPublishedAsSoonAsItLogsIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	b := h.bind("held", "heroku:format=url")
	h.mustPublish(b)
	h.account.show(2)
	h.database.answer(2, refused)
	first := h.update(b)
	h.aws.ResetCalls()
	for range 5 {
		if r := h.update(b); r.Outcome != keeper.Held || r.Version != first.Version {
			t.Fatalf("%s: %v", r.Outcome, r.Err)
		}
	}
	if n := wrote(h.aws.Calls()); n != 0 {
		t.Errorf("holding on wrote %d times", n)
	}
	h.database.answer(2, nil)
	if r := h.mustPublish(b); r.Version != first.Version {
		t.Errorf("the staged version %s was not the one published, %s", first.Version, r.Version)
	}
}

func TestAFirstValueThatDoesNotLogInIsHeld(t *testing.T) {
	t.Parallel()
	for _, answer := range []error{refused, unreachable, noTLS} {
		h := newHouse(t)
		h.account.show(1)
		h.database.answer(1, answer)
		b := h.bind("unfilled")
		h.aws.ResetCalls()
		if r := h.update(b); r.Outcome != keeper.Held || !errors.Is(r.Err, answer) {
			t.Errorf("%s: %v", r.Outcome, r.Err)
		}
		if n := wrote(h.aws.Calls()); n != 0 {
			t.Errorf("%d writes", n)
		}
	}
}

// What we do not understand a consumer may: only a URL that logs in replaces it.
func TestAValueThatIsNotUnderstood(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"to be done", `{"url":"postgres://u1:pEXAMPLE0@db.example/d1"}`, "postgres://u1:pEXAMPLE0@a.example,b.example/d1"} {
		h := newHouse(t)
		b := h.bind("by-hand")
		if _, err := h.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &b.ARN, SecretString: &value}); err != nil {
			t.Fatal(err)
		}
		h.account.show(1)
		for _, answer := range []error{unreachable, refused} {
			h.database.answer(1, answer)
			if r := h.update(b); r.Outcome != keeper.Held || strings.Contains(r.Err.Error(), "EXAMPLE") {
				t.Errorf("%s: %s, %v", value, r.Outcome, r.Err)
			}
		}
		h.database.answer(1, nil)
		h.mustPublish(b)
	}
}

func TestVerifyOffPublishesWithoutALogin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.bind("unverified", "heroku:verify=off")
	for n := range 2 {
		h.account.show(n)
		h.database.answer(n, refused)
		h.mustPublish(b)
	}
	if h.database.logins != 0 {
		t.Errorf("%d logins", h.database.logins)
	}
}

// Heroku has announced a new credential, the old one is dead, and the config var
// still shows the old one.
func TestPatienceLooksAgainUntilHerokuShowsTheNewValue(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	b := h.bind("late", "heroku:format=url")
	h.mustPublish(b)
	h.database.answer(1, refused)
	h.account.before = func(read int) {
		if read == 4 {
			h.account.show(2)
		}
	}
	h.keeper.Patience = time.Minute
	h.mustPublish(b)
	if got := h.value(b); got != want(2) || h.account.reads != 4 {
		t.Errorf("the secret holds %s after %d reads", got, h.account.reads)
	}
}

func TestPatienceWaitsForAConfigVarThatIsBetweenTwoAttachments(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.bind("promoted", "heroku:format=url")
	h.account.before = func(read int) {
		if read == 3 {
			h.account.show(1)
		}
	}
	h.keeper.Patience = time.Minute
	h.mustPublish(b)
}

func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	b := h.bind("dead")
	h.mustPublish(b)
	h.database.answer(1, refused)
	h.keeper.Patience = 10 * time.Millisecond
	if r := h.update(b); r.Outcome != keeper.Held || !errors.Is(r.Err, keeper.ErrRefused) {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
	h.keeper.Patience = 0
	if r := h.update(b); r.Outcome != keeper.Unchanged {
		t.Errorf("without patience there is no login, but: %s, %v", r.Outcome, r.Err)
	}
}

func TestARunThatEndsInTheMiddleSaysWhyItWasStillAtWork(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.account.show(1)
	b := h.bind("hurried")
	h.mustPublish(b)
	h.database.answer(1, refused)
	h.keeper.Patience = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	h.account.before = func(read int) {
		if read == 3 { // Heroku's answer does not come any more
			cancel()
			h.account.fail(ctx.Err())
		}
	}
	r := h.keeper.Update(ctx, source, []binding.Binding{b})[0]
	if r.Outcome != keeper.Held || !errors.Is(r.Err, keeper.ErrRefused) {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
}

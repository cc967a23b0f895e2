package reconcile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/reconcile"
)

var (
	refused     = fmt.Errorf("db.example:5432: %w", reconcile.ErrRefused)
	noTLS       = fmt.Errorf("db.example:5432: %w", reconcile.ErrNoTLS)
	full        = fmt.Errorf("db.example:5432: %w", reconcile.ErrFull)
	untried     = fmt.Errorf("no certificate: %w", reconcile.ErrUntried)
	unreachable = fmt.Errorf("db.example:5432: %w", reconcile.ErrUnreachable)
	answered    = errors.New("db.example:5432 takes no login now (SQLSTATE 57P03)")
)

// The results of a login, named as in testdata/answers-of-a-candidate.json. The tests of
// package login use the same names for the answers of servers.
func TestVerdictOfEveryAnswer(t *testing.T) {
	t.Parallel()
	var vectors struct {
		Cases []struct{ Answer, A, B, C, D string }
	}
	text, err := os.ReadFile("../login/testdata/answers-of-a-candidate.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors.Cases) == 0 {
		t.Fatalf("%d cases, %v", len(vectors.Cases), err)
	}
	for _, c := range vectors.Cases {
		candidate := answered
		switch {
		case strings.HasPrefix(c.Answer, "no TCP connection"):
			candidate = unreachable
		case strings.HasPrefix(c.Answer, "SQLSTATE 28"), strings.HasPrefix(c.Answer, "SQLSTATE 3D000"), strings.HasPrefix(c.Answer, "SQLSTATE 08P01"):
			candidate = refused
		case strings.HasPrefix(c.Answer, "SQLSTATE 53300"):
			candidate = full
		case c.Answer == "speaks no TLS":
			candidate = noTLS
		}
		current := map[string]error{"a": nil, "b": refused, "c": unreachable, "d": full}
		for column, outcome := range map[string]string{"a": c.A, "b": c.B, "c": c.C, "d": c.D} {
			t.Run(c.Answer+", "+column, func(t *testing.T) {
				t.Parallel()
				h, b := upToDate(t)
				h.database.answer(1, current[column])
				h.database.answer(2, candidate)
				h.account.set(map[string]string{"DATABASE_URL": strings.Replace(url(2), "db.example", "other.example", 1)})
				if r := h.update(b); string(r.Outcome) != outcome {
					t.Errorf("%s, want %s: %v", r.Outcome, outcome, r.Err)
				}
			})
		}
	}
}

// A secret is replaced only by a URL that logs in, or when its present URL no longer does.
func TestVerdictOfTheTwoLogins(t *testing.T) {
	t.Parallel()
	const here, elsewhere = "db.example", "other.example" // the held URL is of the first
	const published, held, failed = reconcile.Published, reconcile.Held, reconcile.Failed
	tests := map[string]struct {
		host               string // of the candidate
		candidate, current error  // the results of the logins with both
		outcome            reconcile.Outcome
		warns              bool // the publication says that the candidate does not log in
	}{
		"the candidate logs in":                                {here, nil, nil, published, false},
		"the candidate logs in, the old one no longer":         {here, nil, refused, published, false},
		"refused, and the old one logs in":                     {here, refused, nil, held, false},
		"unreachable, and the old one logs in":                 {here, unreachable, nil, held, false},
		"without TLS, and the old one logs in":                 {here, noTLS, nil, held, false},
		"without TLS, and the old one is refused":              {here, noTLS, refused, held, false},
		"refused, and the old one perhaps not":                 {here, refused, unreachable, held, false},
		"unreachable, and the old one finds the server full":   {here, unreachable, full, held, false},
		"refused, and the old one finds the server full":       {here, refused, full, held, false},
		"full, and the old one is refused":                     {here, full, refused, published, true},
		"refused, and the old one, too":                        {here, refused, refused, published, true},
		"unreachable, and the old one is refused":              {here, unreachable, refused, published, true},
		"unreachable, and the old one, too":                    {here, unreachable, unreachable, held, false},
		"unreachable elsewhere, and the old one unreachable":   {elsewhere, unreachable, unreachable, published, true},
		"unreachable elsewhere, and the old server is full":    {elsewhere, unreachable, full, held, false},
		"refused elsewhere, and the old one unreachable":       {elsewhere, refused, unreachable, held, false},
		"answered, and the old one is refused":                 {here, answered, refused, published, true},
		"answered elsewhere, and the old one unreachable":      {elsewhere, answered, unreachable, held, false},
		"unreachable elsewhere, and the old one answered":      {elsewhere, unreachable, answered, held, false},
		"unreachable elsewhere, and the old one has no TLS":    {elsewhere, unreachable, noTLS, held, false},
		"unreachable in capitals, and the old one unreachable": {"DB.example.", unreachable, unreachable, held, false},
		"full elsewhere, and the old one unreachable":          {elsewhere, full, unreachable, held, false},
		"not tried, and the old one is refused":                {here, untried, refused, failed, false},
		"not tried elsewhere, nor the old one":                 {elsewhere, untried, untried, failed, false},
		"unreachable elsewhere, and the old one was not tried": {elsewhere, unreachable, untried, failed, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, b := upToDate(t)
			h.database.answer(1, tt.current)
			h.database.answer(2, tt.candidate)
			candidate := strings.Replace(url(2), here, tt.host, 1)
			h.account.set(map[string]string{"DATABASE_URL": candidate})
			r := h.update(b)
			if r.Outcome != tt.outcome || r.Outcome == published && (r.Err != nil) != tt.warns {
				t.Errorf("%s: %v", r.Outcome, r.Err)
			}
			expected := want(1)
			if tt.outcome == published {
				expected = candidate + "?sslmode=require"
			}
			if got := h.value(b); got != expected {
				t.Errorf("the secret holds %s, want %s", got, expected)
			}
		})
	}
}

func TestAHeldCandidateIsPublishedAsSoonAsItLogsIn(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.account.show(2)
	h.database.answer(2, refused)
	first := h.update(b)
	h.aws.ResetCalls()
	for range 5 {
		if r := h.update(b); r.Outcome != reconcile.Held || r.Version != first.Version {
			t.Fatalf("%s: %v", r.Outcome, r.Err)
		}
	}
	if n := h.writes(); n != 0 {
		t.Errorf("holding on wrote %d times", n)
	}
	h.database.answer(2, nil)
	if r := h.mustPublish(b); r.Version != first.Version {
		t.Errorf("the staged version %s was not the one published, %s", first.Version, r.Version)
	}
}

func TestAFirstValueThatDoesNotLogInIsHeld(t *testing.T) {
	t.Parallel()
	for _, answer := range []error{refused, unreachable, noTLS, untried} {
		outcome := reconcile.Held
		if answer == untried {
			outcome = reconcile.Failed
		}
		h := newFixture(t)
		h.account.show(1)
		h.database.answer(1, answer)
		b := h.bind("unfilled")
		h.aws.ResetCalls()
		if r := h.update(b); r.Outcome != outcome || !errors.Is(r.Err, answer) {
			t.Errorf("%s: %v", r.Outcome, r.Err)
		}
		if n := h.writes(); n != 0 {
			t.Errorf("%d writes", n)
		}
	}
}

// A consumer may understand a value that the functions do not.
func TestAValueThatIsNotUnderstoodIsReplacedOnlyByAURLThatLogsIn(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"to be done",
		`{"url":"postgres://u1:pEXAMPLE0@db.example/d1"}`,
		`{"engine":"mysql","host":"a.example","username":"u1","password":"pEXAMPLE0","dbname":"d1"}`,
		"postgres://u1:pEXAMPLE0@a.example,b.example/d1",
	} {
		h := newFixture(t)
		b := h.bind("by-hand")
		if _, err := h.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &b.ARN, SecretString: &value}); err != nil {
			t.Fatal(err)
		}
		h.account.show(1)
		h.database.answer(0, unreachable)
		for _, answer := range []error{unreachable, refused} {
			h.database.answer(1, answer)
			if r := h.update(b); r.Outcome != reconcile.Held || strings.Contains(r.Err.Error(), "EXAMPLE") {
				t.Errorf("%s: %s, %v", value, r.Outcome, r.Err)
			}
		}
		h.database.answer(1, nil)
		h.mustPublish(b)
	}
}

func TestVerifyOffPublishesWithoutALogin(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
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

func TestALoginHasTheParametersUnlessTheyAreForTheUsersClient(t *testing.T) {
	t.Parallel()
	for tag, query := range map[string]string{"login": "?application_name=orders&sslmode=require", "server": "?sslmode=require"} {
		h := newFixture(t)
		h.account.set(map[string]string{"DATABASE_URL": url(1) + "?application_name=orders"})
		b := h.bind("orders", "heroku:format=url", "heroku:verify="+tag)
		h.mustPublish(b)
		if got := h.database.last.Text().Reveal(); got != url(1)+query {
			t.Errorf("heroku:verify=%s logs in with %q", tag, got)
		}
		if got := h.value(b); got != url(1)+"?application_name=orders&sslmode=require" {
			t.Errorf("heroku:verify=%s publishes %q", tag, got)
		}
	}
}

package reconcile_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/heroku"
	"keepcurrent.example/internal/reconcile"
)

const (
	herokuLatency = 100 * time.Millisecond
	pageLatency   = 60 * time.Millisecond // of ListSecrets, 100 secrets a page
	lambdaTime    = 298 * time.Second     // what the template gives a poll, less what the report needs
	reserve       = 500                   // requests that a poll leaves to others
	perMinute     = 75                    // requests that come back to an account
	parallelApps  = 8                     // apps that a poll works on at once
)

// An estate is many apps, each with a secret that is equal to its config var, and a
// poller, in virtual time. The poller uses package reconcile and the real client of
// Heroku; Heroku's rate limits are as documented.
type estate struct {
	*reconcile.Reconciler
	every    time.Duration // from one poll to the next
	secrets  []reconcile.Secret
	accounts map[string]*ledger // by token
	deferred int                // in the last round
}

// ledger is an account at Heroku, and what Heroku has seen of the rounds.
type ledger struct {
	*heroku.API
	apps   int
	others int // requests that other users of the account make each minute

	mu      sync.Mutex // guards what follows
	left    float64    // requests, at that time
	at      time.Time
	least   float64 // that was ever left
	refused int     // requests, with 429
	calls   int

	round  uint64            // number of this round
	seen   map[string]uint64 // the round of the last check of each app; nil while the estate is made
	gap    uint64            // the most rounds from one check of an app to the next
	before int               // calls before this round
	spent  bool              // this round has no more requests to spare
	fewest int               // calls that a round made before it was spent
}

// newEstate spreads the apps over accounts with that many requests left.
func newEstate(apps, accounts, left int) *estate {
	e := &estate{every: time.Minute, accounts: make(map[string]*ledger)}
	e.Reconciler = &reconcile.Reconciler{Secrets: e, Database: &database{}, Keys: keys("key-EXAMPLE"), Heroku: func(tokenSecretID string) reconcile.Heroku { return e.accounts[tokenSecretID] }}
	for i := range accounts {
		l := &ledger{apps: (apps + accounts - 1 - i) / accounts, left: float64(left), least: math.Inf(1), fewest: math.MaxInt}
		l.API = &heroku.API{URL: "https://heroku.example", Tokens: keys("token-EXAMPLE"), Transport: l, Reserve: reserve}
		e.accounts[fmt.Sprint("account-", i)] = l
	}
	for i := range apps {
		e.secrets = append(e.secrets, reconcile.Secret{ARN: fmt.Sprint(i), Name: fmt.Sprint(i), Tags: map[string]string{
			reconcile.AppTag:   fmt.Sprint("app-", i),
			reconcile.TokenTag: fmt.Sprint("account-", i%accounts),
		}})
	}
	for _, s := range e.secrets {
		b, _ := parseOne(s)
		e.Update(context.Background(), []reconcile.Binding{b})
	}
	for _, l := range e.accounts {
		l.at, l.seen = time.Now(), make(map[string]uint64)
	}
	return e
}

// round polls and sleeps until the next poll is due. It returns how long this one took.
func (e *estate) round(t *testing.T) time.Duration {
	t.Helper()
	start := time.Now()
	number := e.roundNumber()
	for _, l := range e.accounts {
		l.round, l.before, l.spent = number, l.calls, false
	}
	ctx, cancel := context.WithTimeout(t.Context(), lambdaTime)
	defer cancel()
	results, err := e.Poll(ctx, reconcile.Round{Number: number, End: start.Add(e.every)})
	if err != nil {
		t.Fatal(err)
	}
	e.deferred = 0
	for _, r := range results {
		switch r.Outcome {
		case reconcile.Deferred:
			e.deferred++
		case reconcile.Unchanged:
		default:
			t.Fatalf("%s: %s: %v", r.Name, r.Outcome, r.Err)
		}
	}
	took := time.Since(start)
	for _, l := range e.accounts {
		l.spend()
	}
	time.Sleep(time.Until(start.Truncate(e.every).Add(e.every))) // not at all if that has gone by
	return took
}

// roundNumber returns the number of a round that begins now.
func (e *estate) roundNumber() uint64 { return uint64(time.Now().Unix() / int64(e.every.Seconds())) }

func (e *estate) List(context.Context) ([]reconcile.Secret, error) {
	time.Sleep(time.Duration((len(e.secrets)+99)/100) * pageLatency)
	return e.secrets, nil
}

func (e *estate) secret(arn string) *reconcile.Secret {
	i, _ := strconv.Atoi(arn)
	return &e.secrets[i]
}

func (e *estate) Describe(_ context.Context, arn string) (reconcile.Secret, error) {
	return *e.secret(arn), nil
}

func (e *estate) Stage(_ context.Context, arn, version string, _ credential.Value) (bool, error) {
	e.secret(arn).Current = version
	return true, nil
}

func (e *estate) Swap(context.Context, string, string, string) error { panic("nothing changes") }

func (e *estate) Read(context.Context, string, string) (credential.Value, error) {
	panic("nothing changes")
}

// Spare records when the first app of a round is deferred: those before it were checked.
func (l *ledger) Spare() bool {
	spare := l.API.Spare()
	if !spare {
		l.spend()
	}
	return spare
}

// spend records the requests of a round, once.
func (l *ledger) spend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.spent {
		l.spent, l.fewest = true, min(l.fewest, l.calls-l.before)
	}
}

// RoundTrip answers a read of config vars, and counts it.
func (l *ledger) RoundTrip(req *http.Request) (*http.Response, error) {
	app := strings.Split(req.URL.Path, "/")[2]
	resp := &http.Response{
		StatusCode: 200,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(`{"DATABASE_URL":"postgres://u:pEXAMPLE@` + app + `.example:5432/d"}`)),
		Request:    req,
	}
	if l.seen == nil {
		return resp, nil
	}
	time.Sleep(herokuLatency)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = max(0, min(4500, l.left+float64(perMinute-l.others)*time.Since(l.at).Minutes()))
	l.at = time.Now()
	l.calls++
	if l.left < 1 {
		l.refused++
		resp.StatusCode = 429
		return resp, nil
	}
	l.left--
	l.least = min(l.least, l.left)
	resp.Header.Set("RateLimit-Remaining", fmt.Sprint(int(l.left)))
	if before, seen := l.seen[app]; seen {
		l.gap = max(l.gap, l.round-before)
	}
	l.seen[app] = l.round
	return resp, nil
}

func (e *estate) allSeen() bool {
	for _, l := range e.accounts {
		if len(l.seen) < l.apps {
			return false
		}
	}
	return true
}

// gap returns the most rounds from one check of an app to the next.
func (e *estate) gap() (most int) {
	for _, l := range e.accounts {
		most = max(most, int(l.gap))
	}
	return most
}

func (e *estate) calls() (all int) {
	for _, l := range e.accounts {
		all += l.calls
	}
	return all
}

// bound returns the number of rounds within which each app is checked, if every round
// checks as many apps of an account as its poorest round did, and at least one.
func (e *estate) bound() (most int) {
	for _, l := range e.accounts {
		most = max(most, roundsToReach(l.apps, max(1, l.fewest)))
	}
	return most
}

// roundsToReach returns the number of rounds within which each of an account's apps is
// checked, if every round checks at least that many of them: the least power of two that
// is no less than apps / least.
func roundsToReach(apps, least int) int {
	rounds := 1
	for rounds*least < apps {
		rounds *= 2
	}
	return rounds
}

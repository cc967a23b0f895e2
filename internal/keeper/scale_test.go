package keeper_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/heroku"
	"keepcurrent.example/internal/keeper"
)

// Heroku's and AWS's latencies in the simulation.
const (
	herokuLatency = 100 * time.Millisecond
	pageLatency   = 60 * time.Millisecond // of ListSecrets, 100 secrets a page
	lambdaTime    = 298 * time.Second     // what the template gives a poll, less what the report needs
)

// An estate is many apps, each with a secret that is equal to its config var, and
// a poller that visits them by the minute, in virtual time. The poller is the core
// and the true client of Heroku; Heroku's budgets are as documented.
type estate struct {
	*keeper.Keeper
	secrets  []binding.Secret
	accounts map[string]*ledger // by token
	deferred int                // in the last round
}

// ledger is an account of Heroku's.
type ledger struct {
	*heroku.API
	mu      sync.Mutex
	left    float64
	at      time.Time
	others  float64           // requests that other users of the account make each minute
	turn    uint64            // of this round
	seen    map[string]uint64 // the turn of the last look at each app; nil while the estate is made
	gap     uint64            // the most turns from one look at an app to the next
	calls   int
	refused int     // with 429
	least   float64 // that was ever left
}

// newEstate spreads the apps over accounts with that many requests left.
func newEstate(apps, accounts, left, reserve int) *estate {
	e := &estate{accounts: make(map[string]*ledger)}
	e.Keeper = &keeper.Keeper{Secrets: e, Database: &database{}, Keys: keys("key-EXAMPLE"), Heroku: func(token string) keeper.Heroku { return e.accounts[token] }}
	for i := range accounts {
		l := &ledger{left: float64(left), least: math.Inf(1)}
		l.API = &heroku.API{URL: "https://heroku.example", Tokens: keys("token-EXAMPLE"), Transport: l, Reserve: reserve}
		e.accounts[fmt.Sprint("account-", i)] = l
	}
	for i := range apps {
		e.secrets = append(e.secrets, binding.Secret{ARN: fmt.Sprint(i), Name: fmt.Sprint(i), Tags: map[string]string{
			binding.AppTag:   fmt.Sprint("app-", i),
			binding.TokenTag: fmt.Sprint("account-", i%accounts),
		}})
	}
	for _, s := range e.secrets {
		b, _ := binding.Of(s)
		e.Update(context.Background(), b.Source, []binding.Binding{b})
	}
	for _, l := range e.accounts {
		l.at, l.seen = time.Now(), make(map[string]uint64)
	}
	return e
}

// round polls and sleeps to the next minute. It returns how long the poll took.
func (e *estate) round(t *testing.T) time.Duration {
	t.Helper()
	start := time.Now()
	turn := uint64(start.Unix() / 60)
	for _, l := range e.accounts {
		l.turn = turn
	}
	ctx, cancel := context.WithTimeout(t.Context(), lambdaTime)
	defer cancel()
	results, err := e.Poll(ctx, keeper.Round{Turn: turn, End: start.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	e.deferred = 0
	for _, r := range results {
		switch r.Outcome {
		case keeper.Deferred:
			e.deferred++
		case keeper.Unchanged:
		default:
			t.Fatalf("%s: %s: %v", r.Name, r.Outcome, r.Err)
		}
	}
	took := time.Since(start)
	next := start.Truncate(time.Minute).Add(time.Minute)
	for next.Before(time.Now()) {
		next = next.Add(time.Minute) // one poll at a time
	}
	time.Sleep(time.Until(next))
	return took
}

func (e *estate) List(context.Context) ([]binding.Secret, error) {
	time.Sleep(time.Duration((len(e.secrets)+99)/100) * pageLatency)
	return e.secrets, nil
}

func (e *estate) secret(arn string) *binding.Secret {
	var i int
	fmt.Sscan(arn, &i)
	return &e.secrets[i]
}

func (e *estate) Describe(_ context.Context, arn string) (binding.Secret, error) {
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

// RoundTrip is Heroku's end of the account.
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
	l.left = max(0, min(4500, l.left+(75-l.others)*time.Since(l.at).Minutes()))
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
		l.gap = max(l.gap, l.turn-before)
	}
	l.seen[app] = l.turn
	return resp, nil
}

// 3,000 apps would need 3,000 requests a minute; the account gets 75, and has 1,000.
func TestASmallBudgetIsSharedFairlyAndLeavesTheReserve(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		apps   int
		others float64
		bound  uint64 // the least power of two that is no less than apps / (75 - others - 8)
	}{
		"the account's only user":                    {3000, 0, 64},
		"others make 35 of its 75 requests a minute": {900, 35, 32},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const reserve, abreast = 500, 8
				e := newEstate(tt.apps, 1, 1000, reserve)
				l := e.accounts["account-0"]
				l.others = tt.others
				var rounds uint64
				for ; len(l.seen) < tt.apps; rounds++ {
					calls := l.calls
					e.round(t)
					if looked := l.calls - calls; e.deferred != tt.apps-looked {
						t.Fatalf("%d reported as deferred and %d looked at", e.deferred, looked)
					}
				}
				for range tt.bound {
					e.round(t)
				}
				t.Logf("every app seen within %d rounds, and then every %d; never less than %.0f requests left; %d answered 429", rounds, l.gap, l.least, l.refused)
				if rounds > tt.bound || l.gap > tt.bound {
					t.Errorf("more than %d rounds", tt.bound)
				}
				if l.refused != 0 || l.least < reserve-abreast-1 {
					t.Errorf("%d answers 429, and %.0f requests were left", l.refused, l.least)
				}
			})
		})
	}
}

var scale = flag.Bool("scale", false, "print what one poller carries")

// The table of docs/scale.md: an estate at rest, polled every minute for four hours.
func TestScale(t *testing.T) {
	if !*scale {
		t.Skip("run it with -scale")
	}
	fmt.Println("  apps  accounts  calls a poll  seconds a poll  every app seen in")
	for _, size := range []struct{ apps, accounts int }{{100, 1}, {1000, 1}, {1000, 10}, {10_000, 1}, {10_000, 10}, {10_000, 150}, {40_000, 1}, {40_000, 40}, {40_000, 600}} {
		synctest.Test(t, func(t *testing.T) {
			e := newEstate(size.apps, size.accounts, 4500, 500)
			const settle, rounds = 60, 180 // the first hour spends what has been saved up
			var took time.Duration
			calls := 0
			for i := range settle + rounds {
				if i == settle {
					for _, l := range e.accounts {
						l.gap, calls = 0, calls+l.calls
					}
				}
				lasted := e.round(t)
				if i >= settle {
					took += lasted
				}
			}
			var gap uint64
			seen, all := 0, 0
			for _, l := range e.accounts {
				gap, seen, all = max(gap, l.gap), seen+len(l.seen), all+l.calls
			}
			within := fmt.Sprint(gap, " rounds")
			if seen < size.apps {
				within = fmt.Sprintf("more than %d rounds", settle+rounds)
			}
			fmt.Printf("%6d  %8d  %12.0f  %14.1f  %s\n", size.apps, size.accounts, float64(all-calls)/rounds, took.Seconds()/rounds, within)
		})
	}
}

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
	every    time.Duration // from one poll to the next
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
	others  float64 // requests that other users of the account make each minute
	apps    int
	turn    uint64            // of this round
	seen    map[string]uint64 // the turn of the last look at each app; nil while the estate is made
	gap     uint64            // the most turns from one look at an app to the next
	calls   int
	before  int     // calls before this round
	ended   bool    // this round, for want of requests
	fewest  int     // calls in a round before it ended
	refused int     // with 429
	least   float64 // that was ever left
}

// newEstate spreads the apps over accounts with that many requests left.
func newEstate(apps, accounts, left, reserve int) *estate {
	e := &estate{every: time.Minute, accounts: make(map[string]*ledger)}
	e.Keeper = &keeper.Keeper{Secrets: e, Database: &database{}, Keys: keys("key-EXAMPLE"), Heroku: func(token string) keeper.Heroku { return e.accounts[token] }}
	for i := range accounts {
		l := &ledger{apps: (apps + accounts - 1 - i) / accounts, left: float64(left), least: math.Inf(1), fewest: math.MaxInt}
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

// round polls and sleeps until the next poll is due. It returns how long this one took.
func (e *estate) round(t *testing.T) time.Duration {
	t.Helper()
	start := time.Now()
	turn := uint64(start.Unix() / int64(e.every.Seconds()))
	for _, l := range e.accounts {
		l.turn, l.before, l.ended = turn, l.calls, false
	}
	ctx, cancel := context.WithTimeout(t.Context(), lambdaTime)
	defer cancel()
	results, err := e.Poll(ctx, keeper.Round{Turn: turn, End: start.Add(e.every)})
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
	for _, l := range e.accounts {
		l.end()
	}
	time.Sleep(time.Until(start.Truncate(e.every).Add(e.every))) // not at all if that has gone by
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

// Spare notes when the first app of a round is deferred: those before it had their turn.
func (l *ledger) Spare() bool {
	spare := l.API.Spare()
	if !spare {
		l.end()
	}
	return spare
}

func (l *ledger) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.ended, l.fewest = true, min(l.fewest, l.calls-l.before)
	}
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

// TestScale prints the simulation's table of docs/scale.md: an estate at rest, whose
// accounts have spent what they had saved up, until every app has been seen. Only the
// largest would take 1,024 rounds for that, and minutes: it ends early.
func TestScale(t *testing.T) {
	if !*scale {
		t.Skip("run it with -scale")
	}
	const reserve, least, most = 500, 30, 256 // least and most are rounds
	t.Log("  apps  accounts  every  pages  calls a poll  seconds a poll  every app seen within  at most (rounds)")
	for _, every := range []time.Duration{time.Minute, 5 * time.Minute} {
		for _, size := range []struct{ apps, accounts int }{{100, 1}, {1000, 1}, {1000, 10}, {10_000, 1}, {10_000, 10}, {10_000, 40}, {40_000, 1}, {40_000, 40}} {
			synctest.Test(t, func(t *testing.T) {
				e := newEstate(size.apps, size.accounts, reserve+75*int(every.Minutes()), reserve)
				e.every = every
				var took time.Duration
				rounds, all := 0, 0
				for ; rounds < least || all == 0 && rounds < most; rounds++ {
					took += e.round(t)
					if all == 0 && e.allSeen() {
						all = rounds + 1
					}
				}
				waited, bound := max(all, e.gap()), e.bound()
				if waited > bound {
					t.Errorf("%d apps of %d accounts: one has waited for %d rounds, want at most %d", size.apps, size.accounts, waited, bound)
				}
				within := fmt.Sprint(waited)
				if all == 0 {
					within = fmt.Sprint("more than ", rounds)
				}
				t.Logf("%6d  %8d  %4.0fm  %5d  %12.0f  %14.1f  %21s  %7d", size.apps, size.accounts, every.Minutes(), (size.apps+99)/100,
					float64(e.calls())/float64(rounds), took.Seconds()/float64(rounds), within, bound)
			})
		}
	}
}

func (e *estate) allSeen() bool {
	for _, l := range e.accounts {
		if len(l.seen) < l.apps {
			return false
		}
	}
	return true
}

// gap is the most rounds from one look at an app to the next.
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

// bound is within how many rounds each app has its turn: the least power of two that is
// no less than the apps of an account over the fewest that had their turn in a round,
// which is one in any case.
func (e *estate) bound() int {
	most := 1
	for _, l := range e.accounts {
		for most*max(1, l.fewest) < l.apps {
			most *= 2
		}
	}
	return most
}

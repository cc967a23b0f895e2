package heroku

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Accounts are the Heroku accounts of a stack, one for each token secret. Each has
// its token and its budget for as long as the container is warm.
type Accounts struct {
	// Open makes the account of a token secret, "" for the stack's own. It is called once
	// for each.
	Open func(tokenSecretID string) *API

	mu   sync.Mutex // guards what follows
	apis map[string]*API
}

// ForToken returns the account of a token secret.
func (a *Accounts) ForToken(tokenSecretID string) *API {
	a.mu.Lock()
	defer a.mu.Unlock()
	if api, opened := a.apis[tokenSecretID]; opened {
		return api
	}
	if a.apis == nil {
		a.apis = make(map[string]*API)
	}
	a.apis[tokenSecretID] = a.Open(tokenSecretID)
	return a.apis[tokenSecretID]
}

// Remaining returns the least number of hourly requests that any account has left,
// as far as that is known.
func (a *Accounts) Remaining() (least int, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, api := range a.apis {
		if left, ok := api.Remaining(); ok && (!known || left < least) {
			least, known = left, true
		}
	}
	return least, known
}

// An account may make 4,500 requests an hour, which come back one by one
// (https://devcenter.heroku.com/articles/platform-api-reference#rate-limits).
const (
	hourly    = 4500
	perSecond = hourly / 3600.0
)

// reorderWindow is how far apart answers are read that Heroku may have given in another
// order, to requests made at the same time: of those the lowest number counts.
const reorderWindow = time.Second

// budget is what is known of an account's hourly requests: what Heroku has said,
// and what has come back since. Requests on their way and other users of the account
// are not in it, until the next answer.
type budget struct {
	mu   sync.Mutex // guards what follows
	left float64
	at   time.Time // of the answer that said left; zero before the first
}

// note reads an answer's RateLimit-Remaining. A 429 means that nothing is left.
func (b *budget) note(resp *http.Response) {
	left, err := strconv.ParseUint(resp.Header.Get("RateLimit-Remaining"), 10, 31)
	if resp.StatusCode == http.StatusTooManyRequests {
		left = 0
	} else if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.at) < reorderWindow && float64(left) > b.left {
		return
	}
	b.left, b.at = float64(left), time.Now()
}

// remaining estimates the requests that are left now.
func (b *budget) remaining() (left int, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at.IsZero() {
		return 0, false
	}
	return int(min(hourly, b.left+perSecond*time.Since(b.at).Seconds())), true
}

// Spare reports whether more than the reserve is left of the account's requests.
// Before Heroku has said how many there are, it returns true.
func (a *API) Spare() bool {
	left, known := a.budget.remaining()
	return !known || left > a.Reserve
}

// Remaining returns how many of the account's hourly requests are left, as far as
// that is known.
func (a *API) Remaining() (left int, known bool) { return a.budget.remaining() }

package setup

import (
	"sync"

	"keepcurrent.example/internal/heroku"
)

// Accounts are the Heroku accounts of a stack, one for each token secret. Each has
// its token and its budget for as long as the container is warm.
type Accounts struct {
	open func(tokenSecretID string) *heroku.API

	mu   sync.Mutex // guards what follows
	apis map[string]*heroku.API
}

// ForToken returns the account of a token secret, "" for the stack's own.
func (a *Accounts) ForToken(tokenSecretID string) *heroku.API {
	a.mu.Lock()
	defer a.mu.Unlock()
	if api, opened := a.apis[tokenSecretID]; opened {
		return api
	}
	if a.apis == nil {
		a.apis = make(map[string]*heroku.API)
	}
	a.apis[tokenSecretID] = a.open(tokenSecretID)
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

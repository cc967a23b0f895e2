package heroku

import "sync"

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

package reconcile

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

const otherKeys = "other keys"

// orEverything is for a value that does not say what is in it.
func orEverything(parts []string) []string {
	if len(parts) == 0 {
		return []string{"everything"}
	}
	return parts
}

// inspect is an update for a person who wants to know what it would change.
func (k *Reconciler) inspect(ctx context.Context, from Source, bindings []Binding) []Result {
	tasks := k.update(ctx, from, bindings)
	_ = credential.RecoverPanic(func() error { // what a person would like to know fails no binding
		k.askCredentials(ctx, from, tasks)
		return nil
	})
	Parallel(parallelBindings, slices.Values(tasks), func(t *task) {
		_ = credential.RecoverPanic(func() error { // the update has met it, and reports it
			t.Changes = k.changes(ctx, t)
			return nil
		})
	})
	return resultsOf(tasks)
}

// askTime is how long an inspection asks whose credentials the URLs have.
const askTime = 3 * time.Second

// askCredentials notes whose credential each URL of a Postgres has, with one request.
func (k *Reconciler) askCredentials(ctx context.Context, from Source, tasks []*task) {
	api, known := k.Heroku(from.TokenSecretID), map[string]Credential(nil)
	isAsked := func(t *task) bool { return t.desired.url.Engine() == connection.Postgres }
	if slices.ContainsFunc(tasks, isAsked) && api.Spare() {
		ctx, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		known, _ = api.Credentials(ctx, from.App) // else they are unknown
	}
	for _, t := range tasks {
		if isAsked(t) {
			t.Credential = cmp.Or(known[t.ConfigVar], CredentialUnknown)
		}
	}
}

// changes names the parts in which what the secret ought to hold differs from what it
// holds, as far as that is known: no outcome depends on it.
func (k *Reconciler) changes(ctx context.Context, t *task) (parts []string) {
	isEqual := t.Version == t.Current
	switch {
	case t.desired.text.Empty(), isEqual && !t.wasRead, errors.Is(t.Err, ErrValue):
		return nil
	case t.Format == FormatKey && !isEqual:
		parts = append(parts, "key "+t.Key)
	}
	if t.Current == "" {
		return orEverything(parts)
	}
	there, err := t.secret.read(ctx, k.Secrets, t.Binding)
	if err != nil {
		return parts
	}
	if !isEqual {
		held, err := heldURL(t.Binding, there)
		if err != nil {
			return orEverything(parts)
		}
		parts = append(parts, t.desired.url.Differs(held)...)
	}
	if hasOtherKeys(t.Binding, there) {
		parts = append(parts, otherKeys)
	}
	if len(parts) == 0 && !isEqual {
		return []string{"format"}
	}
	return parts
}

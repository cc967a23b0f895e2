package reconcile

import (
	"context"
	"slices"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

const otherKeys = "other keys"

var everything = []string{"everything"}

// inspect is an update for a person who wants to know what it would change.
func (k *Reconciler) inspect(ctx context.Context, from Source, bindings []Binding) []Result {
	tasks := k.update(ctx, from, bindings)
	Each(parallelBindings, slices.Values(tasks), func(t *task) {
		_ = credential.RecoverPanic(func() error { t.Changes = k.changes(ctx, t); return nil })
	})
	return resultsOf(tasks)
}

// changes names the parts in which what the secret ought to hold differs from what it
// holds, as far as that is known: no outcome depends on it.
func (k *Reconciler) changes(ctx context.Context, t *task) (parts []string) {
	isEqual := t.Version == t.Current
	switch {
	case t.payload.Empty(), isEqual && !t.there.isRead:
		return nil
	case t.Current == "":
		return everything
	case k.read(ctx, t.Binding, &t.there) != nil:
		return nil
	}
	if !isEqual {
		held, err := connection.Read(t.there.value, t.ConfigVar)
		if err != nil {
			return everything
		}
		parts = t.url.Differs(held)
	}
	if connection.HasOtherKeys(t.there.value, t.ConfigVar) {
		parts = append(parts, otherKeys)
	}
	if len(parts) == 0 && !isEqual {
		return []string{"format"}
	}
	return parts
}

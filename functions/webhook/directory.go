package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
)

// directory finds the bindings of an app. It keeps the secrets that AWS has listed,
// because a list takes long and a webhook must be fast. The kept list may name too few
// or too many secrets, and so may AWS's own list, which lags by up to five minutes
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html).
// The fence, which is read for each binding, decides whether it still is one.
type directory struct {
	// First returns the first secrets that carry [reconcile.AppTag], and whether these are
	// all.
	First func(context.Context) (secrets []reconcile.Secret, all bool, err error)
	// ForApps returns the secrets whose [reconcile.AppTag] is one of apps, and perhaps others.
	ForApps func(ctx context.Context, apps ...string) ([]reconcile.Secret, error)
	// Keep is how long a list counts as fresh; zero is not at all.
	Keep time.Duration

	mu      credential.Mutex // guards what follows, and makes a caller wait for Prefetch
	secrets []reconcile.Secret
	listed  map[string]time.Time // by app; "" is all apps
}

// Prefetch lists the secrets before a delivery needs them. It reads one page. If there
// are more, it keeps nothing, and [directory.Find] lists the secrets of each app.
func (d *directory) Prefetch(ctx context.Context) error {
	if err := d.mu.Lock(ctx); err != nil {
		return err
	}
	defer d.mu.Unlock()
	secrets, all, err := d.First(ctx)
	if err != nil || !all {
		return err
	}
	d.keep(secrets, "")
	return nil
}

// Kept returns the kept bindings whose app tag is one of identities (an app's name and
// its id). all reports whether the list is fresh and names any; otherwise
// [directory.Find] may find others.
func (d *directory) Kept(ctx context.Context, identities ...string) (found []reconcile.Binding, all bool) {
	if d.mu.Lock(ctx) != nil {
		return nil, false
	}
	defer d.mu.Unlock()
	found = bindings(tagged(d.secrets, identities))
	stale := func(app string) bool {
		return time.Since(d.listed[app]) >= d.Keep && time.Since(d.listed[""]) >= d.Keep
	}
	return found, len(found) > 0 && !slices.ContainsFunc(identities, stale)
}

// Find lists the bindings whose app tag is one of identities, keeps them and returns
// them. It fails if AWS does.
func (d *directory) Find(ctx context.Context, identities ...string) ([]reconcile.Binding, error) {
	secrets, err := d.ForApps(ctx, identities...)
	if err != nil {
		return nil, err
	}
	if err := d.mu.Lock(ctx); err != nil {
		return nil, fmt.Errorf("waiting for a list: %w", err)
	}
	defer d.mu.Unlock()
	others := slices.DeleteFunc(slices.Clone(d.secrets), func(s reconcile.Secret) bool { return slices.Contains(identities, s.Tags[reconcile.AppTag]) })
	found := tagged(secrets, identities)
	d.keep(append(others, found...), identities...)
	return bindings(found), nil
}

// keep replaces the kept secrets, and records that the apps were listed; "" is all apps.
func (d *directory) keep(secrets []reconcile.Secret, apps ...string) {
	if d.listed == nil {
		d.listed = make(map[string]time.Time)
	}
	d.secrets = secrets
	for _, app := range apps {
		d.listed[app] = time.Now().Round(0) // by the wall clock, which a freeze of the container does not stop
	}
}

// tagged returns the secrets whose app tag is exactly one of identities.
func tagged(secrets []reconcile.Secret, identities []string) []reconcile.Secret {
	var found []reconcile.Secret
	for _, s := range secrets {
		if app := s.Tags[reconcile.AppTag]; app != "" && slices.Contains(identities, app) {
			found = append(found, s)
		}
	}
	return found
}

func bindings(secrets []reconcile.Secret) []reconcile.Binding {
	var found []reconcile.Binding
	for _, s := range secrets {
		bindings, _ := reconcile.ParseBindings(s) // the tags are checked when the fence is read
		found = append(found, bindings...)
	}
	return found
}

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keepcurrent.example/internal/lock"
	"keepcurrent.example/internal/reconcile"
)

// directory finds the bindings of an app. It keeps what AWS has listed, because
// AWS lists slowly and a webhook is in a hurry. What is kept may name too few or too
// many, as AWS's list itself may, which lags by up to five minutes
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html).
// What a binding is, and whether it still is one, its fence says.
type directory struct {
	// First names the first secrets that carry [reconcile.AppTag], and says whether these are
	// all.
	First func(context.Context) (secrets []reconcile.Secret, all bool, err error)
	// ForApps names the secrets whose [reconcile.AppTag] is one of apps, and perhaps others.
	ForApps func(ctx context.Context, apps ...string) ([]reconcile.Secret, error)
	// Keep is for how long a list counts as fresh; zero is not at all.
	Keep time.Duration

	mu      lock.Mutex // guards what follows, and lets who asks wait for Ahead
	secrets []reconcile.Secret
	listed  map[string]time.Time // by app; "" is all apps
}

// Prefetch lists before anybody asks. A long list is not worth the wait: then
// nothing is kept, and [directory.Find] asks for each app by itself.
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

// Kept returns the bindings whose app tag is one of identities (an app's name and
// its id), as far as they are kept. They are all there are, as far as a list can
// tell, if the list is fresh and there are any; otherwise [directory.Find] may know
// of others.
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

// Find lists the bindings whose app tag is one of identities, and keeps them.
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

// keep replaces what is kept, and notes that the apps were listed; "" is all apps.
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
		b, _ := reconcile.ParseBinding(s) // the fence reads the tags again, and judges them
		found = append(found, b)
	}
	return found
}

package keeper

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

// step takes a fenced binding from the observed config vars to the swap.
func (k *Keeper) step(ctx context.Context, r Result, vars map[string]credential.Value, keys []credential.Value) Result {
	url, payload, err := want(r.Binding, vars)
	if err != nil {
		return r.failed(err)
	}
	if holds(keys, r.Binding, payload) {
		return k.equal(ctx, r, url)
	}
	r.Version = versionOf(keys[0], r.Binding, payload)
	if r.Current == "" {
		return k.first(ctx, r, url, payload)
	}
	return k.swap(ctx, r, url, payload)
}

// want returns what the secret ought to hold.
func want(b binding.Binding, vars map[string]credential.Value) (url connection.URL, payload credential.Value, err error) {
	text, present := vars[b.ConfigVar]
	if !present {
		return url, payload, fmt.Errorf("the app has no such config var; the secret stays as it is: %w", errNotYet)
	}
	if url, err = connection.Parse(text); err != nil {
		return url, payload, fmt.Errorf("the config var holds no connection URL that a consumer could use; the secret stays as it is: %w", err)
	}
	if b.Scheme != "" {
		if url, err = url.Spelt(b.Scheme); err != nil {
			return url, payload, fmt.Errorf("%w: tag %s: %w", binding.ErrTag, binding.SchemeTag, err)
		}
	}
	if b.Format == binding.URL {
		return url, url.Text(), nil
	}
	payload, err = url.JSON(b.ConfigVar)
	return url, payload, err
}

// equal is the end of a binding whose secret is equal. A keeper with patience
// makes sure that the credential still logs in: if not, Heroku has perhaps
// announced a value that it does not show yet.
func (k *Keeper) equal(ctx context.Context, r Result, url connection.URL) Result {
	r.Version, r.Outcome = r.Current, Unchanged
	if k.Patience == 0 && !k.Inspect {
		return r
	}
	err := k.login(ctx, &r, url)
	if ctx.Err() != nil {
		return r.failed(ctx.Err())
	}
	if err != nil {
		return r.held(fmt.Errorf("the secret is equal to the config var, but it does not log in: %w: %w", err, errNotYet))
	}
	return r
}

// login tries the candidate, unless the binding says that it cannot be tried. What
// it returns says nothing of the candidate once the run is out of time.
func (k *Keeper) login(ctx context.Context, r *Result, url connection.URL) error {
	switch r.Verify {
	case binding.VerifyOff:
		return nil
	case binding.VerifyServer:
		url = url.WithoutParameters()
	}
	start := time.Now()
	err := k.Database.Login(ctx, url, r.ClientTLS)
	r.Login = &Login{Took: time.Since(start), Err: err}
	return err
}

// first publishes the first value of a secret. Secrets Manager makes it
// AWSCURRENT as soon as it is put, whatever label was asked for, so the login
// comes before.
func (k *Keeper) first(ctx context.Context, r Result, url connection.URL, payload credential.Value) Result {
	if k.Inspect {
		r.Changes = everything
	}
	err := k.login(ctx, &r, url)
	if ctx.Err() != nil {
		return r.failed(ctx.Err())
	}
	if err != nil {
		return r.held(fmt.Errorf("the first value does not log in, the secret stays empty: %w", err))
	}
	if k.DryRun {
		return r.published(time.Time{})
	}
	current, err := k.Secrets.Stage(ctx, r.ARN, r.Version, payload)
	if err == nil && !current { // somebody else's value came first
		err = k.Secrets.Swap(ctx, r.ARN, r.Version, r.Current)
	}
	if err != nil {
		return r.failed(err)
	}
	return r.published(time.Now())
}

// swap stages the candidate, logs in with it at the same time, and moves
// AWSCURRENT to it from the fence.
func (k *Keeper) swap(ctx context.Context, r Result, url connection.URL, payload credential.Value) Result {
	var staging error
	var wg sync.WaitGroup
	if !k.DryRun && r.Candidate != r.Version {
		wg.Go(func() {
			staging = credential.Safely(func() error {
				_, err := k.Secrets.Stage(ctx, r.ARN, r.Version, payload)
				return err
			})
		})
	}
	candidate := k.login(ctx, &r, url)
	verdict, reason := k.admit(ctx, r.Binding, url, candidate)
	wg.Wait()
	if k.Inspect {
		r.Changes = k.changes(ctx, r.Binding, url)
	}
	switch {
	case staging != nil || verdict == Failed:
		return r.failed(errors.Join(staging, reason))
	case verdict == Held:
		return r.held(reason)
	}
	if reason != nil {
		r.Err = r.explain(reason)
	}
	if k.DryRun {
		return r.published(time.Time{})
	}
	if err := k.Secrets.Swap(ctx, r.ARN, r.Version, r.Current); err != nil {
		return r.failed(err)
	}
	return r.published(time.Now())
}

var everything = []string{"everything"}

// changes names the parts in which the candidate differs from what the secret holds.
func (k *Keeper) changes(ctx context.Context, b binding.Binding, url connection.URL) []string {
	value, err := k.Secrets.Read(ctx, b.ARN, b.Current)
	if err != nil {
		return nil // the outcome does not hang on it
	}
	held, err := connection.Read(value, b.ConfigVar)
	if err != nil {
		return everything
	}
	parts := url.Differs(held)
	if connection.HasOtherKeys(value, b.ConfigVar) {
		parts = append(parts, "other keys")
	}
	if len(parts) == 0 {
		return []string{"format"}
	}
	return parts
}

// admit decides whether the candidate, whose login went as it did, may replace what
// the secret holds: Published, Held or Failed, and why.
//
//	candidate     held by the secret      verdict
//	logs in       not tried               publish
//	no TLS        not tried               hold: no consumer could use it
//	no login      logs in, or finds the   hold
//	              server full
//	no login      not understood          hold: a consumer may understand it
//	no login      refused                 publish: it cannot get worse
//	refused       unreachable             hold: the candidate is wrong for sure, the other one perhaps not
//	unreachable   unreachable, same       hold: an outage of the server says nothing of its credentials
//	              address
//	unreachable   unreachable, another    publish: a failover looks like this
//	              address
func (k *Keeper) admit(ctx context.Context, b binding.Binding, url connection.URL, candidate error) (verdict Outcome, reason error) {
	if candidate == nil {
		return Published, nil
	}
	if errors.Is(candidate, ErrUntried) {
		return Failed, candidate
	}
	if errors.Is(candidate, ErrNoTLS) {
		return Held, fmt.Errorf("the candidate does not log in: %w", candidate)
	}
	value, err := k.Secrets.Read(ctx, b.ARN, b.Current)
	if err != nil {
		return Failed, err
	}
	held, err := connection.Read(value, b.ConfigVar)
	if err != nil {
		return Held, fmt.Errorf("the candidate does not log in and the secret's value is not understood (%w): %w", err, candidate)
	}
	current := k.Database.Login(ctx, held, b.ClientTLS)
	switch {
	case ctx.Err() != nil: // no login means nothing in a run that is out of time
		return Failed, ctx.Err()
	case errors.Is(current, ErrUntried):
		return Failed, current
	case current == nil, errors.Is(current, ErrFull):
		return Held, fmt.Errorf("the candidate does not log in and the secret's value does: %w", candidate)
	case !errors.Is(current, ErrRefused) && (errors.Is(candidate, ErrRefused) || sameAddress(url, held)):
		return Held, fmt.Errorf("the candidate does not log in and the secret's value could not be tried: %w", candidate)
	}
	return Published, fmt.Errorf("neither the candidate nor the secret's value logs in: %w", candidate)
}

func sameAddress(a, b connection.URL) bool { return a.Host() == b.Host() && a.Port() == b.Port() }

// published takes the time at which AWSCURRENT moved, zero in a dry run.
func (r Result) published(moved time.Time) Result {
	r.Outcome, r.Moved = Published, moved
	return r
}

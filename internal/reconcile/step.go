package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

// step takes a fenced binding from the observed config vars to the swap.
func (u *update) step(ctx context.Context, t *task, vars map[string]credential.Value, keys []credential.Value) (Result, retry) {
	url, payload, err := desiredPayload(t.Binding, vars)
	if err != nil {
		return t.stop(Failed, err)
	}
	t.url, t.payload, t.there = url, payload, current{}
	r := t.Result
	if u.isEqual(keys, r.Binding, payload) {
		r.Login = u.login(ctx, r.Binding, url, u.triesEqual())
		return u.equal(ctx, r)
	}
	r.Version = versionOf(keys[0], r.Binding, payload)
	if r.Current == "" {
		return u.first(ctx, t, r)
	}
	return u.swap(ctx, t, r)
}

// desiredPayload returns what the secret ought to hold.
func desiredPayload(b Binding, vars map[string]credential.Value) (url connection.URL, payload credential.Value, err error) {
	text, present := vars[b.ConfigVar]
	if !present {
		return url, payload, fmt.Errorf("the app has no such config var; the secret stays as it is: %w", errNotYet)
	}
	if url, err = connection.Parse(text); err != nil {
		return url, payload, fmt.Errorf("the config var holds no connection URL that a consumer could use; the secret stays as it is: %w", err)
	}
	if b.Scheme != "" {
		if url, err = url.Spelt(b.Scheme); err != nil {
			return url, payload, fmt.Errorf("%w: tag %s: %w", ErrTag, SchemeTag, err)
		}
	}
	if b.Format == FormatURL {
		return url, url.Text(), nil
	}
	payload, err = url.JSON(b.ConfigVar)
	return url, payload, err
}

// isEqual reports whether the binding's current version is known to say what it ought
// to: by its id if it is one of ours, or because this container has read or written it.
func (k *Reconciler) isEqual(keys []credential.Value, b Binding, payload credential.Value) bool {
	if digestMatches(keys, b, payload) {
		return true
	}
	members, known := k.Memory.members(b)
	return known && members.Contain(connection.MembersOf(payload))
}

// equal is the end of a binding whose secret is equal. AWSCURRENT must still be where the
// fence saw it, after Heroku was asked: a run that moved it in between may have died before
// it could look again. Where the credential was tried and the server refuses it, Heroku
// has perhaps announced a value that it does not show yet.
func (k *Reconciler) equal(ctx context.Context, r Result) (Result, retry) {
	r.Version = r.Current
	login := r.Login.failure()
	if ctx.Err() != nil {
		return r.stop(Failed, ctx.Err())
	}
	if errors.Is(login, ErrRefused) && k.triesEqual() {
		return r.stop(Held, fmt.Errorf("the secret is equal to the config var, but it does not log in: %w: %w", login, errNotYet))
	}
	secret, err := k.Secrets.Describe(ctx, r.ARN)
	if err == nil && secret.Current != r.Current {
		err = ErrConflict
	}
	if err != nil {
		return r.stop(Failed, err)
	}
	if login != nil && (k.Inspect || errors.Is(login, ErrUntried)) { // for a person who asked, or must act before the next rotation
		return r.ended(Unchanged, fmt.Errorf("the secret is equal to the config var, but the login did not succeed: %w", login)), done
	}
	return r.ended(Unchanged, nil), done
}

// triesEqual reports whether to log in with a value that is equal.
func (k *Reconciler) triesEqual() bool { return k.Patience > 0 || k.Inspect }

// login tries the candidate, unless it cannot or need not be tried; then it returns nil.
// What a login says means nothing once the run is out of time.
func (k *Reconciler) login(ctx context.Context, b Binding, url connection.URL, needed bool) *Login {
	if b.Verify == VerifyOff || !needed {
		return nil
	}
	start := time.Now()
	err := k.Database.Login(ctx, toTry(b, url), b.ClientTLS)
	return &Login{Took: time.Since(start), Err: err}
}

// toTry is the URL that a login tries: with heroku:verify=server without the parameters
// that only the user's client knows.
func toTry(b Binding, url connection.URL) connection.URL {
	if b.Verify == VerifyServer {
		return url.WithoutParameters()
	}
	return url
}

// first publishes the first value of a secret. Secrets Manager makes it
// AWSCURRENT as soon as it is put, whatever label was asked for, so the login
// comes before.
func (k *Reconciler) first(ctx context.Context, t *task, r Result) (Result, retry) {
	r.Login = k.login(ctx, r.Binding, t.url, true)
	if ctx.Err() != nil {
		return r.stop(Failed, ctx.Err())
	}
	err := r.Login.failure()
	if errors.Is(err, ErrUntried) {
		return r.stop(Failed, err)
	}
	if err != nil {
		return r.stop(Held, fmt.Errorf("the first value does not log in, the secret stays empty: %w", err))
	}
	isCurrent, tooOften, err := k.stage(ctx, r, t.payload)
	r.TooOften = r.TooOften || tooOften
	if err != nil {
		return r.stop(Failed, err)
	}
	return k.publish(ctx, r, t.payload, isCurrent, nil) // not current: another writer's value came first
}

// swap logs in with the candidate and stages it at the same time, unless the value that
// is there turns out to say the same, and moves AWSCURRENT to it from the fence.
func (k *Reconciler) swap(ctx context.Context, t *task, r Result) (Result, retry) {
	var staging error
	var there current
	var tooOften bool
	var wg sync.WaitGroup
	fenced := r
	wg.Go(func() {
		staging = credential.RecoverPanic(func() (err error) {
			there, tooOften, err = k.stageUnlessEqual(ctx, fenced, t.payload)
			return err
		})
	})
	r.Login = k.login(ctx, r.Binding, t.url, true)
	wg.Wait()
	t.there = there
	r.TooOften = r.TooOften || tooOften
	if staging == nil && t.there.isEqual {
		return k.equal(ctx, r)
	}
	verdict, reason := k.judge(ctx, r.Binding, t.url, r.Login.failure(), &t.there)
	switch {
	case staging != nil || verdict == Failed:
		return r.stop(Failed, errors.Join(staging, reason))
	case verdict == Held:
		return r.stop(Held, reason)
	}
	return k.publish(ctx, r, t.payload, false, reason)
}

// stageUnlessEqual puts the candidate, unless the value that is there says the same, or
// the candidate has been put already. A read that fails saves no version, and is no reason
// to leave consumers with a dead credential.
func (k *Reconciler) stageUnlessEqual(ctx context.Context, r Result, payload credential.Value) (there current, tooOften bool, err error) {
	there, err = k.compareValue(ctx, r.Binding, payload)
	if errors.Is(err, ErrConflict) || there.isEqual || k.DryRun {
		return there, false, err
	}
	if r.Candidate == r.Version || k.Memory.hasStaged(r.ARN, r.Version) {
		return there, false, nil
	}
	_, tooOften, err = k.stage(ctx, r, payload)
	return there, tooOften, err
}

// stage puts the candidate, and notes it. A dry run does not.
func (k *Reconciler) stage(ctx context.Context, r Result, payload credential.Value) (isCurrent, tooOften bool, err error) {
	if k.DryRun {
		return false, false, nil
	}
	isCurrent, err = k.Secrets.Stage(ctx, r.ARN, r.Version, payload)
	if err == nil {
		tooOften = k.Memory.wrote(r.ARN, r.Version)
	}
	return isCurrent, tooOften, err
}

// publish moves AWSCURRENT to the candidate, unless it is there already. A dry run does
// not. reason says why a candidate that does not log in is published all the same.
func (k *Reconciler) publish(ctx context.Context, r Result, payload credential.Value, isCurrent bool, reason error) (Result, retry) {
	if k.DryRun {
		return r.ended(Published, reason), done
	}
	if !isCurrent {
		if err := k.Secrets.Swap(ctx, r.ARN, r.Version, r.Current); err != nil {
			k.Memory.forget(r.ARN)
			return r.stop(Failed, err)
		}
	}
	k.Memory.learn(r.ARN, r.Version, connection.MembersOf(payload))
	r = r.ended(Published, reason)
	r.Moved = time.Now()
	return r, done
}

// failure returns the error of a login, nil if there was none.
func (l *Login) failure() error {
	if l == nil {
		return nil
	}
	return l.Err
}

// judge tries what the secret holds, if the candidate does not log in, and decides.
func (k *Reconciler) judge(ctx context.Context, b Binding, url connection.URL, candidate error, there *current) (verdict Outcome, reason error) {
	if ctx.Err() != nil { // no login means anything in a run that is out of time
		return Failed, ctx.Err()
	}
	if candidate == nil || errors.Is(candidate, ErrUntried) || errors.Is(candidate, ErrNoTLS) {
		return decide(candidate, nil, false)
	}
	if err := k.read(ctx, b, there); err != nil {
		return Failed, err
	}
	held, err := connection.Read(there.value, b.ConfigVar)
	if err != nil {
		return Held, fmt.Errorf("the candidate does not log in and the secret's value is not understood (%w): %w", err, candidate)
	}
	current := k.Database.Login(ctx, toTry(b, held), b.ClientTLS)
	if ctx.Err() != nil {
		return Failed, ctx.Err()
	}
	return decide(candidate, current, !sameAddress(url, held))
}

// sameAddress reports whether two URLs lead to one address. A name means the same in
// capitals, and with a dot behind it.
func sameAddress(a, b connection.URL) bool {
	name := func(u connection.URL) string { return strings.TrimSuffix(u.Host(), ".") }
	return strings.EqualFold(name(a), name(b)) && a.Port() == b.Port()
}

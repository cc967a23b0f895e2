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
func (u *run) step(ctx context.Context, t *task, keys []credential.Value) (Result, retry) {
	if t.undesired != nil {
		return t.stop(Failed, t.undesired)
	}
	r, d := t.Result, t.desired
	if r.Current != "" { // a first value has no version that a lag could be measured from
		var err error
		if r.Current, err = t.secret.current(ctx, r.Current); err != nil {
			return r.stop(Failed, err)
		}
	}
	if u.isEqual(keys, r.Binding, d) {
		r.Login = u.login(ctx, r.Binding, d.url, u.triesEqual())
		return u.equal(ctx, t, r)
	}
	r.Version = versionOf(t.key, r.Binding, d.text)
	if r.Current == "" {
		return u.first(ctx, t, r)
	}
	return u.swap(ctx, t, r)
}

// isEqual reports whether the binding's current version is known to say what it ought
// to: by its id if it is one of ours, or because this container has read or written it.
func (k *Reconciler) isEqual(keys []credential.Value, b Binding, d desired) bool {
	if digestMatches(keys, b, d.text) {
		return true
	}
	members, known := k.Memory.members(b)
	return known && members.Contain(d.members(b))
}

// equal is the end of a binding whose secret is equal. AWSCURRENT must still be where the
// fence saw it, after Heroku was asked: a run that moved it in between may have died before
// it could look again. Where the credential was tried and the server refuses it, Heroku
// has perhaps announced a value that it does not show yet.
func (k *Reconciler) equal(ctx context.Context, t *task, r Result) (Result, retry) {
	r.Version = r.Current
	login := r.Login.failure()
	if ctx.Err() != nil {
		return r.stop(Failed, ctx.Err())
	}
	if errors.Is(login, ErrRefused) && k.triesEqual() {
		return r.stop(Held, notYet{fmt.Errorf("the secret is equal to the config var, but it does not log in: %w", login)})
	}
	if err := k.isStill(ctx, t, r); err != nil {
		return r.stop(Failed, err)
	}
	if login != nil && (k.Inspect || errors.Is(login, ErrUntried)) { // for a person who asked, or must act before the next rotation
		return r.ended(Unchanged, fmt.Errorf("the secret is equal to the config var, but the login did not succeed: %w", login)), done
	}
	return r.ended(Unchanged, nil), done
}

// isStill returns [ErrConflict] if AWSCURRENT has left the version of the fence, and not
// because another binding of the secret has published beside our key.
func (k *Reconciler) isStill(ctx context.Context, t *task, r Result) error {
	secret, err := k.Secrets.Describe(ctx, r.ARN)
	if err != nil || secret.Current == r.Current {
		return err
	}
	isOurs, err := t.secret.isOurs(ctx, r.Current, secret.Current)
	if err == nil && !isOurs {
		err = ErrConflict
	}
	return err
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
	r.Login = k.login(ctx, r.Binding, t.desired.url, true)
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
	payload, err := t.desired.payload(r.Binding, credential.Value{})
	if err != nil {
		return r.stop(Failed, err)
	}
	return k.publish(ctx, t, r, payload, false, nil)
}

// swap logs in with the candidate and stages it at the same time, unless the value that
// is there turns out to say the same, and moves AWSCURRENT to it from the fence.
func (k *Reconciler) swap(ctx context.Context, t *task, r Result) (Result, retry) {
	var payload credential.Value
	var isEqual, isStaged, tooOften bool
	var staging error
	var wg sync.WaitGroup
	fenced := r
	wg.Go(func() {
		staging = credential.RecoverPanic(func() (err error) {
			payload, isEqual, err = k.compareValue(ctx, t, fenced)
			if err != nil || isEqual {
				return err
			}
			isStaged = fenced.Candidate == fenced.Version || k.Memory.hasStaged(fenced.Binding, fenced.Version)
			if !isStaged && t.stagesEarly {
				isStaged = true
				_, tooOften, err = k.stage(ctx, fenced, payload)
			}
			return err
		})
	})
	r.Login = k.login(ctx, r.Binding, t.desired.url, true)
	wg.Wait()
	r.TooOften = r.TooOften || tooOften
	if staging == nil && isEqual {
		t.wasRead = true
		return k.equal(ctx, t, r)
	}
	if errors.Is(staging, ErrValue) {
		return r.stop(Failed, staging)
	}
	verdict, reason := k.judge(ctx, t, r)
	switch {
	case staging != nil || verdict == Failed:
		return r.stop(Failed, errors.Join(staging, reason))
	case verdict == Held:
		k.Memory.hold(r.Binding, r.Version)
		return r.stop(Held, reason)
	}
	return k.publish(ctx, t, r, payload, isStaged, reason)
}

// stage puts the candidate, and notes it. A dry run does not.
func (k *Reconciler) stage(ctx context.Context, r Result, payload credential.Value) (isCurrent, tooOften bool, err error) {
	if k.DryRun {
		return false, false, nil
	}
	isCurrent, err = k.Secrets.Stage(ctx, r.ARN, r.Version, payload)
	if err == nil {
		tooOften = k.Memory.wrote(r.Binding, r.Version)
	}
	return isCurrent, tooOften, err
}

// publish stages the candidate, unless it is, and moves AWSCURRENT to it. A dry run does
// not. reason says why a candidate that does not log in is published all the same.
//
// If another binding of the secret has published meanwhile, AWSCURRENT goes on from there.
func (k *Reconciler) publish(ctx context.Context, t *task, r Result, payload credential.Value, isStaged bool, reason error) (Result, retry) {
	if k.DryRun {
		return r.ended(Published, reason), done
	}
	if err := t.secret.publishing.Lock(ctx); err != nil {
		return r.stop(Failed, err)
	}
	defer t.secret.publishing.Unlock()
	from, isCurrent := r.Binding, false
	last, err := t.secret.last(from.Current)
	if err != nil {
		return r.stop(Failed, err)
	}
	if last != from.Current {
		k.Memory.withdraw(r.Binding, r.Version)
		from.Current, isStaged = last, false
		r.Version = versionOf(t.key, from, t.desired.text)
		there, err := t.secret.read(ctx, k.Secrets, from)
		if err == nil {
			payload, err = t.desired.payload(from, there)
		}
		if err != nil {
			return r.stop(Failed, err)
		}
	}
	if !isStaged {
		var tooOften bool
		isCurrent, tooOften, err = k.stage(ctx, r, payload)
		r.TooOften = r.TooOften || tooOften
		if err != nil {
			return r.stop(Failed, err)
		}
	}
	if !isCurrent { // a first value is at once, unless another writer's came before
		// A refused swap may be one whose first try was carried out and not answered. The next
		// attempt's fence tells, and by then consumers have the value.
		if err := k.Secrets.Swap(ctx, r.ARN, r.Version, from.Current); err != nil {
			k.Memory.forget(r.Binding)
			return r.stop(Failed, err)
		}
	}
	t.secret.moved(ctx, from.Current, r.Version, payload)
	k.Memory.learn(r.Binding, r.Version, connection.MembersOf(payload))
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
func (k *Reconciler) judge(ctx context.Context, t *task, r Result) (verdict Outcome, reason error) {
	candidate := r.Login.failure()
	if ctx.Err() != nil { // no login means anything in a run that is out of time
		return Failed, ctx.Err()
	}
	if candidate == nil || errors.Is(candidate, ErrUntried) || errors.Is(candidate, ErrNoTLS) {
		return decide(candidate, nil, false)
	}
	there, err := t.secret.read(ctx, k.Secrets, r.Binding)
	if err != nil {
		return Failed, err
	}
	held, err := heldURL(r.Binding, there)
	if err != nil {
		return Held, fmt.Errorf("the candidate does not log in and the secret's value is not understood (%w): %w", err, candidate)
	}
	current := k.Database.Login(ctx, toTry(r.Binding, held), r.ClientTLS)
	if ctx.Err() != nil {
		return Failed, ctx.Err()
	}
	return decide(candidate, current, !sameAddress(t.desired.url, held))
}

// sameAddress reports whether two URLs lead to one address. A name means the same in
// capitals, and with a dot behind it.
func sameAddress(a, b connection.URL) bool {
	name := func(u connection.URL) string { return strings.TrimSuffix(u.Host(), ".") }
	return strings.EqualFold(name(a), name(b)) && a.Port() == b.Port()
}

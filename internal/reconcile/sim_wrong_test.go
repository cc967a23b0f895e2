package reconcile_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
)

// The simulation finds a reconciler that is wrong in one point. Otherwise a simulation
// without findings would prove nothing.
func TestTheSimulationFindsAWrongReconciler(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		wrong func(*reconcile.Reconciler, *actor)
		says  string
	}{
		"a plain put instead of the swap": {func(k *reconcile.Reconciler, a *actor) { k.Secrets = plainPut{a} }, "went back"},
		"observe before fence": {func(k *reconcile.Reconciler, a *actor) {
			e := &early{actor: a}
			k.Secrets, k.Heroku = e, func(string) reconcile.Heroku { return e }
		}, "went back"},
		"no check after the swap": {func(k *reconcile.Reconciler, a *actor) {
			b := &blind{early{actor: a}}
			k.Secrets, k.Heroku = b, func(string) reconcile.Heroku { return b }
		}, "had taken back"},
		"no second check of the fence": {func(k *reconcile.Reconciler, a *actor) {
			tr := &trusting{actor: a, fences: make(map[string]reconcile.Secret)}
			k.Secrets, k.Heroku = tr, func(string) reconcile.Heroku { return tr }
		}, "at its last read or after it"},
		"a put without a read of what is there": {func(k *reconcile.Reconciler, a *actor) { k.Secrets = illiterate{a} }, "idle polls made"},
		"a plain put of an object":              {func(k *reconcile.Reconciler, a *actor) { k.Secrets = plainPut{a} }, "lost an edit"},
		"a read of the others before the fence": {func(k *reconcile.Reconciler, a *actor) {
			k.Secrets = &hasty{actor: a, values: make(map[string]credential.Value)}
		}, "lost an edit"},
		"no read of the others": {func(k *reconcile.Reconciler, a *actor) { k.Secrets = selfish{a} }, "changed more than its key"},
		"a second key from the old fence": {func(k *reconcile.Reconciler, a *actor) {
			k.Secrets = &alone{actor: a, staged: make(map[string][]string)}
		}, "changed 2 keys"},
		"a second key by a swap without a fence": {func(k *reconcile.Reconciler, a *actor) {
			k.Secrets = forced{&alone{actor: a, staged: make(map[string][]string)}}
		}, "changed 2 keys"},
		"no login":                     {func(k *reconcile.Reconciler, a *actor) { k.Database = noLogin{} }, "without a login"},
		"a login that is not believed": {func(k *reconcile.Reconciler, a *actor) { k.Database = yesMan{a} }, "which logs in"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for seed := range uint64(3000) {
					if h := play(seed, false, tt.wrong); strings.Contains(strings.Join(h.broken, " "), tt.says) {
						t.Logf("found by seed %d", seed)
						return
					}
				}
				t.Error("3000 histories did not show it")
			})
		})
	}
}

// plainPut moves AWSCURRENT from wherever it is.
type plainPut struct{ *actor }

func (p plainPut) Swap(ctx context.Context, arn, to, _ string) error {
	_, err := call(ctx, p.actor, "put "+arn, func() (bool, error) {
		return true, p.world.swap(p.actor, arn, to, p.world.secret(arn).current)
	})
	return err
}

// early asks Heroku before it reads the fence.
type early struct {
	*actor
	vars map[string]credential.Value // guarded by world.mu
	err  error
}

func (e *early) Describe(ctx context.Context, arn string) (reconcile.Secret, error) {
	vars, err := e.actor.ConfigVars(ctx, app)
	e.world.mu.Lock()
	e.vars, e.err = vars, err
	e.world.mu.Unlock()
	return e.actor.Describe(ctx, arn)
}

func (e *early) ConfigVars(context.Context, string) (map[string]credential.Value, error) {
	e.world.mu.Lock()
	defer e.world.mu.Unlock()
	return e.vars, e.err
}

// noLogin accepts every login.
type noLogin struct{}

func (noLogin) Login(context.Context, connection.URL, string) error { return nil }

// yesMan tries the login, and treats a refusal as a success.
type yesMan struct{ *actor }

func (y yesMan) Login(ctx context.Context, u connection.URL, clientTLS string) error {
	_ = y.actor.Login(ctx, u, clientTLS)
	return nil
}

// blind asks Heroku once after each fence.
type blind struct{ early }

func (b *blind) Describe(ctx context.Context, arn string) (reconcile.Secret, error) {
	b.world.mu.Lock()
	b.vars, b.err = nil, nil
	b.world.mu.Unlock()
	return b.actor.Describe(ctx, arn)
}

func (b *blind) ConfigVars(ctx context.Context, app string) (map[string]credential.Value, error) {
	if vars, err := b.early.ConfigVars(ctx, app); vars != nil || err != nil {
		return vars, err
	}
	vars, err := b.actor.ConfigVars(ctx, app)
	b.world.mu.Lock()
	defer b.world.mu.Unlock()
	b.vars, b.err = vars, err
	return vars, err
}

// trusting assumes that AWSCURRENT still is the fence when Heroku has answered.
type trusting struct {
	*actor
	fences map[string]reconcile.Secret // guarded by world.mu
	looked bool                        // as well
}

func (t *trusting) Describe(ctx context.Context, arn string) (reconcile.Secret, error) {
	t.world.mu.Lock()
	fence, fenced := t.fences[arn]
	delete(t.fences, arn)
	isSecond := fenced && t.looked
	t.world.mu.Unlock()
	if isSecond {
		return fence, nil
	}
	secret, err := t.actor.Describe(ctx, arn)
	t.world.mu.Lock()
	defer t.world.mu.Unlock()
	if err == nil {
		t.fences[arn], t.looked = secret, false
	}
	return secret, err
}

func (t *trusting) ConfigVars(ctx context.Context, app string) (map[string]credential.Value, error) {
	vars, err := t.actor.ConfigVars(ctx, app)
	t.world.mu.Lock()
	defer t.world.mu.Unlock()
	t.looked = true
	return vars, err
}

// illiterate cannot read the secret's value.
type illiterate struct{ *actor }

func (illiterate) Read(context.Context, string, string) (credential.Value, error) {
	return credential.New("EXAMPLE"), nil
}

// hasty reads the value before it reads the fence.
type hasty struct {
	*actor
	values map[string]credential.Value // by ARN; guarded by world.mu
}

func (h *hasty) Describe(ctx context.Context, arn string) (reconcile.Secret, error) {
	value, err := call(ctx, h.actor, "early read "+arn, func() (credential.Value, error) {
		s := h.world.secret(arn)
		return credential.New(s.value(s.current)), nil
	})
	if err != nil {
		return reconcile.Secret{}, err
	}
	h.world.mu.Lock()
	h.values[arn] = value
	h.world.mu.Unlock()
	return h.actor.Describe(ctx, arn)
}

func (h *hasty) Read(_ context.Context, arn, _ string) (credential.Value, error) {
	h.world.mu.Lock()
	defer h.world.mu.Unlock()
	return h.values[arn], nil
}

// selfish takes the secret's value for an object without members.
type selfish struct{ *actor }

func (selfish) Read(context.Context, string, string) (credential.Value, error) {
	return credential.New("{}"), nil
}

// alone publishes the second key of a secret as it was staged from the fence, though the
// first key has been published since.
type alone struct {
	*actor
	staged map[string][]string // what it put, by ARN; guarded by world.mu
}

func (l *alone) Stage(ctx context.Context, arn, version string, payload credential.Value) (bool, error) {
	l.world.mu.Lock()
	if earlier, known := l.earlier(arn, payload.Reveal()); known {
		payload = credential.New(earlier)
	}
	l.staged[arn] = append(l.staged[arn], payload.Reveal())
	l.world.mu.Unlock()
	return l.actor.Stage(ctx, arn, version, payload)
}

// earlier returns what was put with the URL that a payload changes, if this run has
// published another one since.
func (l *alone) earlier(arn, payload string) (earlier string, known bool) {
	s := l.world.secret(arn)
	if l.moves[arn] == 0 {
		return "", false
	}
	for _, c := range s.cells {
		url := urlIn(payload, c.key)
		for _, put := range l.staged[arn] {
			if url != s.held(s.current, c) && urlIn(put, c.key) == url {
				return put, true
			}
		}
	}
	return "", false
}

// forced is alone, and swaps from whatever is there.
type forced struct{ *alone }

func (f forced) Swap(ctx context.Context, arn, to, _ string) error {
	return plainPut{f.actor}.Swap(ctx, arn, to, "")
}

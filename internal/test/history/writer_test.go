package history

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
)

// A writer is a process that updates a binding.
type writer func(context.Context, reconcile.Binding) reconcile.Result

// A design makes writers: the n-th client with its view of Heroku. All designs use package
// reconcile, three of them with one change.
type design func(h *fixture, n int, view reconcile.Heroku) writer

func update(k *reconcile.Reconciler) writer {
	return func(ctx context.Context, b reconcile.Binding) reconcile.Result {
		return k.Update(ctx, []reconcile.Binding{b})[0]
	}
}

// right reads the fence, asks Heroku and swaps.
func right(h *fixture, n int, view reconcile.Heroku) writer { return update(h.reconciler(n, view)) }

// observeFirst asks Heroku, reads the fence and swaps.
func observeFirst(h *fixture, n int, view reconcile.Heroku) writer {
	k := h.reconciler(n, view)
	e := &early{Secrets: k.Secrets, Heroku: view}
	k.Secrets, k.Heroku = e, func(string) reconcile.Heroku { return e }
	return update(k)
}

// early asks Heroku before it reads the fence.
type early struct {
	reconcile.Secrets
	reconcile.Heroku
	seen map[string]credential.Value
}

func (e *early) Describe(ctx context.Context, arn string) (_ reconcile.Secret, err error) {
	if e.seen, err = e.Heroku.ConfigVars(ctx, app); err != nil {
		return reconcile.Secret{}, err
	}
	return e.Secrets.Describe(ctx, arn)
}

func (e *early) ConfigVars(context.Context, string) (map[string]credential.Value, error) {
	return e.seen, nil
}

// plainPut reads the secret, asks Heroku, compares, and puts a different value. Like a
// tool without a fence, it reads no version by its id and checks nothing after the put.
func plainPut(h *fixture, n int, view reconcile.Heroku) writer {
	k := h.reconciler(n, view)
	u := &unlabelled{Secrets: k.Secrets, Heroku: view, client: h.client(n)}
	k.Secrets, k.Heroku = u, func(string) reconcile.Heroku { return u }
	return update(k)
}

// unlabelled puts without a label, which moves AWSCURRENT at once.
type unlabelled struct {
	reconcile.Secrets
	reconcile.Heroku
	client *secretsmanager.Client
	seen   map[string]credential.Value // since the secret was described
}

func (u *unlabelled) Describe(ctx context.Context, arn string) (reconcile.Secret, error) {
	u.seen = nil
	return u.Secrets.Describe(ctx, arn)
}

func (u *unlabelled) ConfigVars(ctx context.Context, app string) (vars map[string]credential.Value, err error) {
	if u.seen == nil {
		u.seen, err = u.Heroku.ConfigVars(ctx, app)
	}
	return u.seen, err
}

// Read returns the value without a read.
func (*unlabelled) Read(context.Context, string, string) (credential.Value, error) {
	return credential.Value{}, nil
}

func (u *unlabelled) Stage(ctx context.Context, arn, version string, payload credential.Value) (bool, error) {
	_, err := u.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId:           &arn,
		ClientRequestToken: &version,
		SecretString:       aws.String(payload.Reveal()),
	})
	return true, err
}

// Swap does nothing: the put has moved AWSCURRENT.
func (*unlabelled) Swap(context.Context, string, string, string) error { return nil }

// lockedPut is plainPut under a lock, which other processes do not share.
func lockedPut(h *fixture, n int, view reconcile.Heroku) writer {
	var process sync.Mutex
	write := plainPut(h, n, view)
	return func(ctx context.Context, b reconcile.Binding) reconcile.Result {
		process.Lock()
		defer process.Unlock()
		return write(ctx, b)
	}
}

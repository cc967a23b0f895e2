// Package setup builds a function from its environment. Both functions are built the same way.
//
// [FromEnvironment] reads the variables and wires the packages together into [Parts].
// [Prefetch] reads secrets before the first request needs them. [RecoverPanic] keeps the value
// of a panic out of the log, and [Parts.Log] makes the logger of a run.
package setup

import (
	"cmp"
	"context"
	"fmt"
	stdlog "log"
	"log/slog"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/heroku"
	"keepcurrent.example/internal/login"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/secrets"
)

// rest is the least time between two reads of a token or a key after it was refused.
const rest = 30 * time.Second

// keyAge is how long a container uses the signing keys that it has read. A leaked key
// is replaced by changing it twice; after that it must stop counting within this time.
const keyAge = 5 * time.Minute

// Parts are the parts that a function is built from.
type Parts struct {
	Reconciler  *reconcile.Reconciler
	Secrets     secrets.Manager
	SigningKeys *credential.Ring // the current one first, then the previous one
	Accounts    *heroku.Accounts
	// WarmUp opens a connection to Heroku before the first request. It does not wait.
	WarmUp func()
	// Webhooks keeps the apps' webhooks, or none without WEBHOOK_URL.
	Webhooks *heroku.Schedule
	// Period is the time from one poll to the next.
	Period time.Duration

	log *slog.Logger
}

// FromEnvironment builds the parts from the variables that docs/reference.md lists. It makes
// no request. It fails if a variable is invalid.
func FromEnvironment() (*Parts, error) {
	env, err := readEnvironment()
	if err != nil {
		return nil, err
	}
	stdlog.SetFlags(0)
	stdlog.SetOutput(standardLogger{env.log})
	manager := secrets.Manager{Client: secretsManager(awshttp.NewBuildableClient().GetTransport()), Only: env.only}
	keys := &credential.Ring{Rest: rest, Age: keyAge, Read: func(ctx context.Context) ([]credential.Value, error) {
		return signingKeys(ctx, manager, env.keyID)
	}}
	transport := heroku.NewTransport(env.herokuURL)
	accounts := &heroku.Accounts{Open: func(tag string) *heroku.API {
		return &heroku.API{URL: env.herokuURL, Tokens: tokens(manager, tag, env.tokenID), Transport: transport, Reserve: env.reserve}
	}}
	return &Parts{
		Reconciler: &reconcile.Reconciler{
			Secrets:  manager,
			Heroku:   func(tokenSecretID string) reconcile.Heroku { return accounts.ForToken(tokenSecretID) },
			Database: login.Client{Read: clientTLS(manager)},
			Keys:     keys,
			Memory:   new(reconcile.Memory),
			DryRun:   env.pause,
		},
		Secrets:     manager,
		SigningKeys: keys,
		Accounts:    accounts,
		WarmUp:      transport.WarmUp,
		Webhooks:    webhooks(accounts, manager, env),
		Period:      env.period,
		log:         env.log,
	}, nil
}

// tokens is the ring of the API token that the tag names, or else of the stack's own.
func tokens(manager secrets.Manager, tag, own string) *credential.Ring {
	return &credential.Ring{Rest: rest, Read: func(ctx context.Context) ([]credential.Value, error) {
		token, err := apiToken(ctx, manager, cmp.Or(tag, own))
		if tag != "" && isFinal(err) {
			err = fmt.Errorf("%w: tag %s: %w", reconcile.ErrTag, reconcile.TokenTag, err)
		}
		return []credential.Value{token}, err
	}}
}

// clientTLS reads the secret that the tag heroku:client-tls names.
func clientTLS(manager secrets.Manager) func(ctx context.Context, id string) (credential.Value, error) {
	return func(ctx context.Context, id string) (credential.Value, error) {
		value, err := manager.Value(ctx, id)
		if isFinal(err) {
			err = fmt.Errorf("%w: tag %s: %w", reconcile.ErrTag, reconcile.ClientTLSTag, err)
		}
		return value, err
	}
}

// webhooks is the schedule by which the apps' webhooks are checked. It checks none without
// an address of ours.
func webhooks(accounts *heroku.Accounts, manager secrets.Manager, env environment) *heroku.Schedule {
	schedule := &heroku.Schedule{Period: env.period}
	if env.webhookURL == "" {
		return schedule
	}
	key := func(ctx context.Context) (credential.Value, time.Time, error) {
		key, made, err := manager.Dated(ctx, env.keyID)
		if err == nil {
			key, err = filled(key, env.keyID)
		}
		return key, made, err
	}
	schedule.ForToken = func(tokenSecretID string) heroku.AppWebhooks {
		return &heroku.Webhooks{API: accounts.ForToken(tokenSecretID), URL: env.webhookURL, Key: key}
	}
	return schedule
}

// prefetchTimeout bounds how long a run may have to wait for a prefetch.
const prefetchTimeout = 5 * time.Second

// Prefetch starts the reads and does not wait for them. It drops their errors: a run
// that needs the value reads it again and reports the error itself.
func Prefetch(reads ...func(context.Context) error) {
	for _, read := range reads {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), prefetchTimeout)
			defer cancel()
			_ = credential.RecoverPanic(func() error { return read(ctx) })
		}()
	}
}

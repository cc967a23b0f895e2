// Package reconcile keeps secrets equal to config vars. It is the core of the project, and has
// one algorithm for both triggers, the webhook and the poll:
//
//  1. fence: which version holds AWSCURRENT?
//  2. observe: the app's config vars, one call for all bindings of the app
//  3. compare: the version id carries a digest of its payload, so equality shows without
//     reading any value
//  4. stage the payload under HEROKU_CANDIDATE, unless the value that is there says the same,
//     and log in with it, at the same time
//  5. swap AWSCURRENT from the fence to the candidate
//  6. check after the swap: does Heroku still show what was published?
//
// The swap is Secrets Manager's own compare-and-swap: AWS refuses it if AWSCURRENT is no
// longer where the fence saw it. So if it succeeds, no other writer has published between
// fence and swap, and what it publishes was observed within that time, however slow this
// writer was. If the fence came after the observation, a slow writer could put an old URL over
// a new one.
//
// Two things remain. AWS does not say that its check and the move are one step. And a run may
// die after its swap and before its check, while Heroku takes the value back. In both cases
// AWSCURRENT can hold an older URL until the next update repairs it. docs/guarantees.md says
// when that is.
//
// [Reconciler.Update] runs the algorithm for the bindings of a delivery or a call, and
// [Reconciler.Poll] for all bindings. [ParseBindings] returns the bindings that a secret's
// tags make. Each [Binding] gets a [Result].
//
// The package imports no client of AWS, Heroku or Postgres. It states the few methods that it
// needs as [Secrets], [Heroku] and [Database], and the packages around it implement them.
package reconcile

import (
	"context"
	"errors"
	"time"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

// Errors that decide what happens next. The packages around the core wrap them.
var (
	// ErrConflict says that another writer moved AWSCURRENT since the fence.
	ErrConflict = errors.New("AWSCURRENT has moved since the fence")
	// ErrNoSecret says that there is no such secret.
	ErrNoSecret = errors.New("there is no such secret")
	// ErrTooOften says that this container keeps writing one secret.
	ErrTooOften = errors.New("this container has put more than 4 versions of this secret within an hour: does another writer put another value?")
	// ErrRateLimited says that Heroku takes no more requests for now.
	ErrRateLimited = errors.New("Heroku's rate limit is used up")
	// ErrToken says that Heroku refuses the API token, whatever it is asked for.
	ErrToken = errors.New("Heroku refuses the API token")
	// ErrUnreachable says that no TCP connection to the database could be made. Any
	// other failed login, except ErrUntried, is an answer of the database.
	ErrUnreachable = errors.New("the server cannot be reached")
	// ErrRefused says that the database refused this user, password or database.
	ErrRefused = errors.New("the server refuses the login")
	// ErrFull says that the database answered and has no connection left; some
	// servers say so only to those who know the password.
	ErrFull = errors.New("the server has no connection left")
	// ErrUntried says that the login was not attempted; whether the credential is valid
	// is unknown.
	ErrUntried = errors.New("the login could not be tried")
	// ErrNoTLS says that the database answered and speaks no TLS: no consumer
	// can use such a URL, now or later.
	ErrNoTLS = errors.New("the server speaks no TLS")
)

// Secrets is what the core needs of Secrets Manager.
type Secrets interface {
	// List names all secrets that have the tag heroku:app. It may lag.
	List(ctx context.Context) ([]Secret, error)
	// Describe tells of one secret as it is now, by its ARN or its name, or fails with
	// ErrNoSecret.
	Describe(ctx context.Context, id string) (Secret, error)
	// Stage puts the payload as the given version under HEROKU_CANDIDATE and
	// reports whether that made it AWSCURRENT, as the first version of a secret
	// always is. Staging the same version twice is staging it once.
	Stage(ctx context.Context, arn, version string, payload credential.Value) (current bool, err error)
	// Swap moves AWSCURRENT from one version to another, or fails with
	// ErrConflict if from does not hold it.
	Swap(ctx context.Context, arn, to, from string) error
	// Read returns the value of the version that holds AWSCURRENT, or fails
	// with ErrConflict if version does not hold it.
	Read(ctx context.Context, arn, version string) (credential.Value, error)
}

// Heroku is what the core needs of Heroku's Platform API, for one account.
type Heroku interface {
	// Spare reports whether more of the account's hourly requests are left than the
	// reserve, which a poll leaves to the account's other users.
	Spare() bool
	// ConfigVars returns the app's config vars. One without a value is absent.
	ConfigVars(ctx context.Context, app string) (map[string]credential.Value, error)
	// Released returns when the app's newest release was made.
	Released(ctx context.Context, app string) (time.Time, error)
	// Credentials returns whose credential the URL in a config var has, by config var. One
	// that is missing is unknown.
	Credentials(ctx context.Context, app string) (map[string]Credential, error)
}

// Database is what the core needs of a database server.
type Database interface {
	// Login opens one connection with the URL and closes it. clientTLS names the
	// secret with the certificate that it takes, if not "". The error is
	// ErrUnreachable if there was no answer, ErrRefused, ErrFull or ErrNoTLS if the
	// server answered so, and any other error if it answered something else.
	Login(ctx context.Context, url connection.URL, clientTLS string) error
}

// Reconciler brings bindings up to date. Its methods may be called concurrently.
type Reconciler struct {
	Secrets Secrets
	// Heroku returns the account that a token secret belongs to, "" for the
	// stack's own.
	Heroku   func(tokenSecretID string) Heroku
	Database Database
	// Keys are the keys of the digests in version ids: the first makes new ones, all
	// are recognised. None is empty.
	Keys credential.Source
	// Memory is what a warm container knows already; nil knows nothing.
	Memory *Memory
	// Patience is how long Update asks Heroku again while it shows nothing new and the
	// server refuses what the secret holds: Heroku may announce a value before it shows
	// it. Zero does not ask again, and does not log in with an equal value.
	Patience time.Duration
	// DryRun does everything but stage and swap.
	DryRun bool
	// Inspect makes a poll log in with every binding's URL, equal or not, and tell which
	// parts of its value would change and whose credential it has. It is for a dry run that
	// a person reads.
	Inspect bool

	jitter func(time.Duration) time.Duration // for a simulation that replays; nil is random
}

// Outcome is how one binding came out of a run.
type Outcome string

const (
	Published Outcome = "published" // AWSCURRENT has moved (in a dry run: it would have)
	Unchanged Outcome = "unchanged" // the secret was equal
	Held      Outcome = "held"      // the candidate does not log in; the secret stays as it is
	Failed    Outcome = "failed"    // something went wrong; the secret stays as it is
	Deferred  Outcome = "deferred"  // not checked in this run
	Off       Outcome = "off"       // opted out by heroku:sync=off, or a replica
	Elsewhere Outcome = "elsewhere" // follows another app, or with another token, since it was listed; a report says off
)

// Result is the outcome of one binding.
type Result struct {
	Binding
	Outcome Outcome
	// Version is the version of the candidate, "" if it did not come to that.
	Version string
	// Err says why the binding was held, failed or deferred. If it was published
	// although the candidate does not log in, Err says that.
	Err error
	// Conflicts is how often another writer moved AWSCURRENT after the fence.
	Conflicts int
	// TooOften says that this container has put more than a few versions of the secret
	// within an hour.
	TooOften bool
	// Repeats is how often Heroku was asked again because it showed nothing new
	// although what the secret holds does not log in.
	Repeats int
	// Login is the login with the candidate, nil if it was not tried.
	Login *Login
	// Changes names the parts of the value that are new, if the reconciler inspects.
	Changes []string
	// Credential says whose credential the URL has, if the reconciler inspects and Heroku
	// shows the URL of a Postgres.
	Credential Credential
	// Released is when Heroku made the release, if that is known, and Moved
	// when AWSCURRENT followed.
	Released, Moved time.Time
}

// Credential says whose credential the URL of a Postgres has, which decides what becomes of
// the old password in a planned rotation
// (https://devcenter.heroku.com/articles/heroku-postgresql-credentials).
type Credential string

const (
	CredentialDefault Credential = "default" // the database's default one: the old password is dead at once
	CredentialNamed   Credential = "named"   // another one: the old user and password work for some time
	CredentialUnknown Credential = "unknown" // Heroku did not say, no attachment makes the config var, or its add-on was renamed or is another maker's
)

// Login is how one login went.
type Login struct {
	Took time.Duration
	Err  error
}

// Lag returns the time from Heroku's release to AWSCURRENT. It is not known if the
// binding was not published, or the release is not known, or the value is the
// secret's first, which followed its binding and no release.
func (r Result) Lag() (lag time.Duration, known bool) {
	if r.Released.IsZero() || r.Moved.IsZero() || r.Current == "" {
		return 0, false
	}
	return max(r.Moved.Sub(r.Released), 0), true
}

// Missed reports whether a webhook should have brought what a poll has published. A paused
// stack publishes nothing, and the first value follows its binding and no release.
func (r Result) Missed() bool { return !r.Moved.IsZero() && r.Current != "" }

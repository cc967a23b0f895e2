package consumer

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/jackc/pgx/v5"
)

const (
	defaultLifetime = time.Minute
	defaultWait     = 10 * time.Second

	readTimeout = 5 * time.Second // of one read of the secret, the SDK's own retries in it
)

// SecretsManager is the part of the AWS SDK that a [Source] needs. A
// *secretsmanager.Client implements it.
type SecretsManager interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// Source reads the credential from a secret. Its methods may be called concurrently. Do
// not copy it after its first use.
type Source struct {
	// Client reads the secret.
	Client SecretsManager
	// SecretID is the secret's name or ARN.
	SecretID string
	// Key is the key of the secret's JSON object that holds the URL: for a secret that
	// also holds other keys, or whose tag heroku:key renames it. Reading fails with
	// [ErrKey] if it holds none. Default "": the secret is a URL alone, or an object in
	// which only one key holds a Postgres URL.
	Key string
	// Lifetime is how long a value is used before the secret is read again, unless a
	// server refuses it earlier; default one minute. Each time it is shortened at
	// random, by up to a half, so that many processes do not read at the same time.
	Lifetime time.Duration
	// Wait is how long in all a new connection waits for a version of the secret that
	// logs in, and for one more login at the end; default ten seconds. A context that ends
	// earlier, as Lambda's does, hides why there is no connection.
	//
	// The time counts from the first caller whose login failed. Callers that come later
	// share what is left of it. A caller that comes when nothing is left waits for about a
	// second and one login. The time starts over when a version has logged in, and when
	// nobody has wanted a connection for a minute.
	Wait time.Duration
	// Refused, if set, is called when the server refuses the login, for any reason but a lack
	// of connections, and a new read shows no newer credential: it can send the event that
	// makes keepcurrent look at once. It is called for the newest version, also while an older
	// one serves, and for an older one if nothing logs in. It gets SecretID and the id of
	// AWSCURRENT.
	//
	// The first call comes about a second after the refusal. If the server refuses the
	// credential again, more calls follow, at growing, randomized intervals of up to a
	// minute. They start over when the newest version has logged in or a newer one was read.
	//
	// Calls come one at a time, from a goroutine for which no connection waits. Its
	// context ends after ten seconds, or when the calls start over. A panic in Refused is
	// dropped. If Refused does not return, no other call follows. The goroutine ends when it
	// has made a call and the server has refused nothing since, or when the calls start
	// over. That is a minute after the last refusal at most, and the time of that call.
	Refused func(ctx context.Context, secretID, version string) `json:"-"` // encoding/json takes no func

	mu      sync.Mutex    // guards what follows, and the provers
	newest  *credential   // what was read last
	version string        // the id of AWSCURRENT then: newest keeps the id of the first version that has its URL
	order   int           // how many credentials were read
	reading *reading      // the read under way
	tried   time.Time     // when the last read began, also if it failed
	due     time.Time     // when it is time for another
	doubted time.Time     // when a server last gave a reason for an earlier one
	pause   time.Duration // after a read, before such a reason counts
	single  *prover       // of ConnConfig and URL
	served  *credential   // what logged in last, with anybody's settings
	refusal *refusal      // of newest; nil if there is none
	calling bool          // whether a goroutine makes the calls of Refused
}

// reading is one read of the secret. All who need one at that time share it.
type reading struct {
	done chan struct{}
	err  error
}

// wait returns the error of the read, and nil if that takes longer than the limit.
func (r *reading) wait(limit time.Duration) error {
	select {
	case <-r.done:
		return r.err
	case <-time.After(limit):
		return nil
	}
}

// read begins to read the secret, or returns the read that is under way. If the value
// cannot be read or parsed, the one that was read before stays.
func (s *Source) read(ctx context.Context) *reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reading != nil {
		return s.reading
	}
	r := &reading{done: make(chan struct{})}
	s.reading = r
	s.tried = time.Now()
	s.due = s.tried.Add(s.lifetime()) // also if it fails: what there is stays good
	go func() {
		c, err := s.get(context.WithoutCancel(ctx))
		s.mu.Lock()
		defer s.mu.Unlock()
		if err == nil {
			s.keep(c)
		}
		s.reading, r.err = nil, err
		close(r.done)
	}()
	return r
}

// keep takes what was read. The caller holds the lock.
func (s *Source) keep(c *credential) {
	s.version = c.version
	if c.same(s.newest) {
		return
	}
	s.settle()
	s.pause = 0
	s.order++
	c.order = s.order
	s.newest = c
}

func (s *Source) get(ctx context.Context) (*credential, error) {
	if s.Client == nil {
		return nil, &Error{Kind: ErrUnread, SecretID: s.SecretID, Err: errors.New("Source.Client is not set")}
	}
	if err := checkSecretID(s.SecretID); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	out, err := s.Client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{
		SecretId:     &s.SecretID,
		VersionStage: aws.String("AWSCURRENT"),
	})
	if err != nil {
		return nil, &Error{Kind: ErrUnread, SecretID: s.SecretID, Err: unread(err)}
	}
	config, failure := parse(aws.ToString(out.SecretString), s.Key)
	if failure != nil {
		failure.SecretID, failure.Version = s.SecretID, aws.ToString(out.VersionId)
		return nil, failure
	}
	return &credential{version: aws.ToString(out.VersionId), open: func() *pgx.ConnConfig { return config.Copy() }}, nil
}

// readIfDue reads the secret if it was not read yet or if the lifetime is over. If there
// is a value, it soon stops to wait for a newer one.
func (s *Source) readIfDue(ctx context.Context) error {
	if !s.isDue() {
		return nil
	}
	r, limit := s.read(ctx), headStart
	if !s.isRead() {
		limit = 2 * readTimeout // which ends the read itself
	}
	select {
	case <-ctx.Done():
		return &Error{Kind: ErrUnread, SecretID: s.SecretID, Err: ctx.Err()}
	case <-r.done:
		return r.err
	case <-time.After(limit):
		return nil
	}
}

func (s *Source) isDue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest == nil || !time.Now().Before(s.due)
}

// isRead reports whether there is a value.
func (s *Source) isRead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest != nil
}

func (s *Source) lastRead() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tried
}

func (s *Source) lifetime() time.Duration {
	life := s.Lifetime
	if life <= 0 {
		life = defaultLifetime
	}
	return life - rand.N(life/2+1)
}

func (s *Source) wait() time.Duration {
	if s.Wait <= 0 {
		return defaultWait
	}
	return s.Wait
}

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
	// logs in; default ten seconds. A context that ends earlier, as Lambda's does, hides why
	// there is no connection. It counts from the first login that failed. A caller
	// that comes later waits for the remaining time; after that, about a second for one
	// more read.
	Wait time.Duration
	// Refused, if set, is called when the server refuses the login, for any reason but a lack
	// of connections, and a new read shows no newer credential: it can send the event that makes keepcurrent look at once. It
	// gets SecretID and the id of the refused version.
	//
	// The first call comes about a second after the refusal. If the server refuses the
	// credential again, more calls follow, at growing, randomized intervals of up to a
	// minute. They start over when a version has logged in or a newer credential was read.
	//
	// Calls come one at a time, from a goroutine for which no connection waits. Its
	// context ends after ten seconds, or when the calls start over. A panic in Refused is
	// dropped. The goroutine ends when it has made a call and the server has refused
	// nothing since, or when the calls start over: it outlives the last refusal by a minute
	// and the call itself at most. If Refused does not return, no other call follows.
	Refused func(ctx context.Context, secretID, version string) `json:"-"` // which a func cannot be

	mu         sync.Mutex    // guards what follows
	newest     *credential   // what was read last
	version    string        // the id of AWSCURRENT then: newest keeps the id of the first version that has its URL
	asked      time.Time     // when that read began
	tried      time.Time     // when the last read began, also if it failed
	due        time.Time     // when it is time for another
	doubted    time.Time     // when a server last gave a reason for an earlier one
	pause      time.Duration // after a read, before such a reason counts
	refreshing bool
	proven     *credential // what logged in last
	failing    time.Time   // since when nothing logs in; zero if something does
	flight     *flight
	refusal    *refusal // of newest; nil if there is none
	calling    bool     // whether a goroutine makes the calls of Refused
}

// read reads the secret. If the value cannot be read or parsed, it returns an error and
// keeps the value that was read before.
func (s *Source) read(ctx context.Context) error {
	began := time.Now()
	s.mu.Lock()
	s.tried, s.due = began, began.Add(s.lifetime()) // also if it fails: what there is stays good
	s.mu.Unlock()
	c, err := s.get(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if began.Before(s.asked) {
		return nil // another read began later and has answered already
	}
	s.asked, s.version = began, c.version
	if c.same(s.newest) {
		return nil
	}
	s.settle()
	s.pause = 0
	if s.newest = c; c.same(s.proven) {
		s.newest = s.proven
	}
	return nil
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

// readIfDue reads the secret if it was not read yet or if the lifetime is over.
func (s *Source) readIfDue(ctx context.Context) error {
	s.mu.Lock()
	due := s.newest == nil || !time.Now().Before(s.due)
	s.mu.Unlock()
	if due {
		return s.read(ctx)
	}
	return nil
}

// refresh reads the secret in the background if it is due, and proves a new version
// there. A pool whose connections live on opens no new ones; without refresh it would
// keep the old credential until that is dead.
func (s *Source) refresh(ctx context.Context, conn *pgx.Conn) {
	s.mu.Lock()
	due := !s.refreshing && !time.Now().Before(s.due)
	s.refreshing = s.refreshing || due
	s.mu.Unlock()
	if !due {
		return
	}
	ctx, config := context.WithoutCancel(ctx), conn.Config()
	go func() {
		// If any of it fails the pool goes on with what it has.
		if s.read(ctx) == nil && s.changed() {
			_, _ = s.credential(ctx, config)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.refreshing = false
	}()
}

func (s *Source) changed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest != s.proven
}

// known returns the credentials that may log in, the newest first.
func (s *Source) known() []*credential {
	s.mu.Lock()
	defer s.mu.Unlock()
	var known []*credential
	for _, c := range []*credential{s.newest, s.proven} {
		if c != nil && (len(known) == 0 || known[0] != c) {
			known = append(known, c)
		}
	}
	return known
}

// adopt makes a credential that has logged in the one to use.
func (s *Source) adopt(c *credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proven, s.failing = c, time.Time{}
	s.settle()
}

// outdated reports whether another credential was adopted after c.
func (s *Source) outdated(c *credential) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proven != c
}

// failingSince returns when the present series of failed logins began.
func (s *Source) failingSince() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing.IsZero() {
		s.failing = time.Now()
	}
	return s.failing
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

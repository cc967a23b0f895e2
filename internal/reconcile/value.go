package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

// readTime is how long a put waits for the value that is there, if it can do without.
const readTime = 2 * time.Second

// secretValue is one secret in an attempt. The bindings of the secret share it: they read
// a version once, and they publish one after another, each from the version of the one
// before.
type secretValue struct {
	reading credential.Mutex // guards the next two
	version string           // that was read or published last, "" before
	value   credential.Value

	publishing credential.Mutex // guards the next two
	fence      string           // the version that this attempt moved AWSCURRENT from first
	published  string           // the version that it moved AWSCURRENT to last, "" before
}

// read returns the value of the binding's current version, reading it at most once.
func (s *secretValue) read(ctx context.Context, secrets Secrets, b Binding) (credential.Value, error) {
	if err := s.reading.Lock(ctx); err != nil {
		return credential.Value{}, err
	}
	defer s.reading.Unlock()
	if s.version == b.Current {
		return s.value, nil
	}
	value, err := secrets.Read(ctx, b.ARN, b.Current)
	if err == nil {
		s.version, s.value = b.Current, value
	}
	return value, err
}

// moved notes that AWSCURRENT has moved from one version to another. The caller holds
// publishing.
func (s *secretValue) moved(ctx context.Context, from, version string, value credential.Value) {
	if s.published == "" {
		s.fence = from
	}
	s.published = version
	if s.reading.Lock(ctx) == nil { // else the next one reads the version
		defer s.reading.Unlock()
		s.version, s.value = version, value
	}
}

// compareValue reads the value that is there before another one is put, and reports whether
// it says the same: no version id tells another payload of ours from one that a stack with
// another key, or another tool, wrote. What this container knows already it does not read
// again, unless other keys must be kept. payload is what is to be put.
func (k *Reconciler) compareValue(ctx context.Context, t *task, b Binding) (payload credential.Value, isEqual bool, err error) {
	members, known := k.Memory.members(b)
	if b.Format != FormatKey {
		if known { // and not equal
			return t.desired.text, false, nil
		}
		brief, cancel := context.WithTimeout(ctx, readTime)
		defer cancel()
		ctx = brief
	} else if known {
		if err := members.CanTake(b.Key); err != nil {
			return payload, false, fmt.Errorf("%w: key %s: %w", ErrValue, b.Key, err)
		}
	}
	value, err := t.secret.read(ctx, k.Secrets, b)
	switch {
	case errors.Is(err, ErrConflict), err != nil && b.Format == FormatKey:
		return payload, false, err
	case err != nil: // it saves no version, and is no reason to leave consumers with a dead credential
		return t.desired.text, false, nil
	}
	members = connection.MembersOf(value)
	k.Memory.learn(b.ARN, b.Current, members)
	if members.Contain(t.desired.members(b)) {
		return payload, true, nil
	}
	payload, err = t.desired.payload(b, value)
	return payload, false, err
}

package reconcile

import (
	"context"
	"errors"
	"slices"
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
	reading credential.Mutex            // guards the next
	values  map[string]credential.Value // by version, of those that were read or published

	isClaimed bool // one binding stages beside its login; the others would stage in vain

	publishing credential.Mutex // guards the next
	// chain are the versions between which this attempt has moved AWSCURRENT, one after
	// another, the fence first. No other writer was in between: each swap is from the version
	// before. It is empty before the first.
	chain []string
}

// last returns the version from which a binding goes on that was fenced at a version: the
// last one of the chain, or the same if nothing has been published. If the version is not of
// the chain, another writer came between the fences of two bindings: [ErrConflict].
// The caller holds publishing.
func (s *secretValue) last(version string) (string, error) {
	switch {
	case len(s.chain) == 0:
		return version, nil
	case !slices.Contains(s.chain, version):
		return "", ErrConflict
	}
	return s.chain[len(s.chain)-1], nil
}

// isOurs reports whether AWSCURRENT has come from one version to another by moves of this
// attempt alone: then all that was not to change is as it was.
func (s *secretValue) isOurs(ctx context.Context, from, to string) (bool, error) {
	if err := s.publishing.Lock(ctx); err != nil {
		return false, err
	}
	defer s.publishing.Unlock()
	i := slices.Index(s.chain, from)
	return i >= 0 && slices.Contains(s.chain[i:], to), nil
}

// current returns [secretValue.last].
func (s *secretValue) current(ctx context.Context, version string) (string, error) {
	if err := s.publishing.Lock(ctx); err != nil {
		return "", err
	}
	defer s.publishing.Unlock()
	return s.last(version)
}

// read returns the value of the binding's current version, reading it at most once.
func (s *secretValue) read(ctx context.Context, secrets Secrets, b Binding) (credential.Value, error) {
	if err := s.reading.Lock(ctx); err != nil {
		return credential.Value{}, err
	}
	defer s.reading.Unlock()
	if value, known := s.values[b.Current]; known {
		return value, nil
	}
	value, err := secrets.Read(ctx, b.ARN, b.Current)
	if err == nil {
		s.keep(b.Current, value)
	}
	return value, err
}

// moved notes that AWSCURRENT has moved to a version. The caller holds publishing.
func (s *secretValue) moved(ctx context.Context, from, version string, value credential.Value) {
	if len(s.chain) == 0 {
		s.chain = append(s.chain, from)
	}
	s.chain = append(s.chain, version)
	if s.reading.Lock(ctx) == nil { // else the next one reads the version
		defer s.reading.Unlock()
		s.keep(version, value)
	}
}

func (s *secretValue) keep(version string, value credential.Value) {
	if s.values == nil {
		s.values = make(map[string]credential.Value)
	}
	s.values[version] = value
}

// compareValue reads the value that is there before another one is put, and reports whether
// it says the same: no version id tells another payload of ours from one that a stack with
// another key, or another tool, wrote. What this container knows already it does not read
// again, unless other keys must be kept. payload is what is to be put.
func (k *Reconciler) compareValue(ctx context.Context, t *task, r Result) (payload credential.Value, isEqual bool, err error) {
	b := r.Binding
	if b.Format != FormatKey {
		if _, known := k.Memory.members(b); known { // and not equal
			return t.desired.text, false, nil
		}
		brief, cancel := context.WithTimeout(ctx, readTime)
		defer cancel()
		ctx = brief
	} else if err := k.Memory.isUnfit(b, r.Version); err != nil {
		return payload, false, err
	}
	value, err := t.secret.read(ctx, k.Secrets, b)
	switch {
	case errors.Is(err, ErrConflict), err != nil && (k.DryRun || b.Format == FormatKey):
		return payload, false, err
	case err != nil: // to read saves a version, no more: consumers must not keep a dead credential for it
		return t.desired.text, false, nil
	}
	members := connection.MembersOf(value)
	k.Memory.learn(b, b.Current, members)
	if members.Contain(t.desired.members(b)) {
		return payload, true, nil
	}
	if payload, err = t.desired.payload(b, value); err != nil {
		k.Memory.setUnfit(b, r.Version, err)
	}
	return payload, false, err
}

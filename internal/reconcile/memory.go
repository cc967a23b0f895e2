package reconcile

import (
	"context"
	"sync"
	"time"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

const (
	// maxMembers bounds what is remembered of one version. A value with more members is
	// read again each time.
	maxMembers = 512
	// often is how many versions of one secret a container writes within an hour before
	// it tells. AWS keeps each version for 24 hours, and takes no more than about a hundred
	// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
	often = 4
)

// Memory is what a container remembers of secrets while it is warm: what the versions
// said that it has read or written, as digests, and which versions it wrote within the
// last hour. A version never changes, so what is known of one stays true. The zero value
// is empty; a nil Memory remembers nothing.
type Memory struct {
	mu    sync.Mutex             // guards what follows
	byARN map[string]*remembered // of each secret
}

// remembered is what is known of one secret.
type remembered struct {
	version string               // of which the members are known, "" if of none
	members connection.Members   // of that version
	staged  string               // the version that was put last
	written map[string]time.Time // the versions that were put within the last hour
}

// with calls f with what is known of a secret, under the lock.
func (m *Memory) with(arn string, f func(*remembered)) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byARN == nil {
		m.byARN = make(map[string]*remembered)
	}
	if m.byARN[arn] == nil {
		m.byARN[arn] = &remembered{written: make(map[string]time.Time)}
	}
	f(m.byARN[arn])
}

// members returns what the binding's current version says, if that is known.
func (m *Memory) members(b Binding) (members connection.Members, isKnown bool) {
	m.with(b.ARN, func(r *remembered) {
		members, isKnown = r.members, r.version == b.Current && b.Current != ""
	})
	return members, isKnown
}

// learn remembers what a version says, in place of what was known of another one.
func (m *Memory) learn(arn, version string, members connection.Members) {
	if len(members) > maxMembers {
		return
	}
	m.with(arn, func(r *remembered) { r.version, r.members = version, members })
}

// hasStaged reports whether this container has put the version already. Its label may have
// gone to another writer's candidate since, and a put of a known version does not bring it
// back, but a version can be promoted by its id.
func (m *Memory) hasStaged(arn, version string) (has bool) {
	m.with(arn, func(r *remembered) { has = r.staged == version })
	return has
}

// forget forgets what was put: AWS may have removed a version without a label.
func (m *Memory) forget(arn string) {
	m.with(arn, func(r *remembered) { r.staged = "" })
}

// wrote notes that this container put a version, and reports whether it has put more
// than a few of this secret within an hour.
func (m *Memory) wrote(arn, version string) (tooOften bool) {
	m.with(arn, func(r *remembered) {
		r.staged = version
		r.written[version] = time.Now().Round(0) // by the wall clock: Lambda freezes the container, and perhaps its other clock
		for id, at := range r.written {
			if time.Since(at) > time.Hour {
				delete(r.written, id)
			}
		}
		tooOften = len(r.written) > often
	})
	return tooOften
}

// readTime is how long a put waits for the value that is there.
const readTime = 2 * time.Second

// current is what the secret holds, as far as it was read.
type current struct {
	isRead  bool
	isEqual bool
	value   credential.Value
}

// compareValue reads the value that is there before another one is put: no version id tells
// another payload of ours from one that a stack with another key, or another tool, wrote.
// What this container knows already it does not read again.
func (k *Reconciler) compareValue(ctx context.Context, b Binding, payload credential.Value) (there current, err error) {
	if _, known := k.Memory.members(b); known {
		return there, nil // and not equal
	}
	brief, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	if err := k.read(brief, b, &there); err != nil {
		return there, err
	}
	members := connection.MembersOf(there.value)
	k.Memory.learn(b.ARN, b.Current, members)
	there.isEqual = members.Contain(connection.MembersOf(payload))
	return there, nil
}

// read reads what the secret holds, once.
func (k *Reconciler) read(ctx context.Context, b Binding, there *current) (err error) {
	if there.isRead {
		return nil
	}
	there.value, err = k.Secrets.Read(ctx, b.ARN, b.Current)
	there.isRead = err == nil
	return err
}

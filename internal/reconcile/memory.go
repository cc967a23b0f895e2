package reconcile

import (
	"sync"
	"time"

	"keepcurrent.example/internal/connection"
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

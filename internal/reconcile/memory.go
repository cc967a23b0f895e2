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
	mu      sync.Mutex        // guards what follows
	known   map[string]known  // by ARN
	staged  map[string]string // by ARN, the version that was put last
	written map[string]writes // by ARN
}

// known is what one version of a secret says.
type known struct {
	version string
	members connection.Members
}

// writes are the versions of one secret that were written, with their times.
type writes map[string]time.Time

// members returns what the binding's current version says, if that is known.
func (m *Memory) members(b Binding) (members connection.Members, isKnown bool) {
	if m == nil {
		return nil, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.known[b.ARN]
	return k.members, k.version == b.Current && b.Current != ""
}

// learn remembers what a version says, in place of what was known of another one.
func (m *Memory) learn(arn, version string, members connection.Members) {
	if m == nil || len(members) > maxMembers {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = make(map[string]known)
	}
	m.known[arn] = known{version, members}
}

// hasStaged reports whether this container has put the version already. Its label may have
// gone to another writer's candidate since, and a put of a known version does not bring it
// back, but a version can be promoted by its id.
func (m *Memory) hasStaged(arn, version string) bool {
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.staged[arn] == version
}

// forget forgets what was put: AWS may have removed a version without a label.
func (m *Memory) forget(arn string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.staged, arn)
}

// wrote notes that this container put a version, and reports whether it has put more
// than a few of this secret within an hour.
func (m *Memory) wrote(arn, version string) (tooOften bool) {
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.written == nil {
		m.written = make(map[string]writes)
	}
	if m.written[arn] == nil {
		m.written[arn] = make(writes)
	}
	if m.staged == nil {
		m.staged = make(map[string]string)
	}
	m.staged[arn] = version
	of := m.written[arn]
	of[version] = time.Now().Round(0) // by the wall clock: Lambda freezes the container, and perhaps its other clock
	for id, at := range of {
		if time.Since(at) > time.Hour {
			delete(of, id)
		}
	}
	return len(of) > often
}

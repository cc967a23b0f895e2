package reconcile

import (
	"sync"
	"time"

	"keepcurrent.example/internal/connection"
)

const (
	// often is how many versions a container writes for one binding within an hour before
	// it tells, and oftenInAll for all of a secret. AWS keeps each version for 24 hours, and
	// takes no more than about a hundred
	// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
	often      = 4
	oftenInAll = 50
)

// Memory is what a container remembers of secrets while it is warm: what the versions
// said that it has read or written, as digests, and which versions it wrote within the
// last hour. A version never changes, so what is known of one stays true. The zero value
// is empty; a nil Memory remembers nothing.
type Memory struct {
	mu      sync.Mutex          // guards what follows
	secrets map[string]contents // by ARN
	puts    map[bindingID]*puts
}

// bindingID tells bindings apart: a secret can have several.
type bindingID struct{ arn, configVar string }

func (b Binding) id() bindingID { return bindingID{b.ARN, b.ConfigVar} }

// contents are the members of one version of a secret.
type contents struct {
	version string
	members connection.Members
}

// puts are those of one binding.
type puts struct {
	staged  string               // the version that was put last
	written map[string]time.Time // the versions that were put within the last hour
	held    string               // the digest of the candidate that was held last
	unfit   string               // the version that could not be made, and why
	why     error
}

// members returns what the binding's current version says, if that is known.
func (m *Memory) members(b Binding) (members connection.Members, isKnown bool) {
	if m == nil {
		return nil, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.secrets[b.ARN]
	return c.members, c.version == b.Current && b.Current != ""
}

// learn remembers of a version what the secret's bindings may ask, in place of what was
// known of another one.
func (m *Memory) learn(b Binding, version string, members connection.Members) {
	if m == nil {
		return
	}
	members = members.Only(b.memberNames()...)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.secrets == nil {
		m.secrets = make(map[string]contents)
	}
	m.secrets[b.ARN] = contents{version, members}
}

// with calls f with what is known of a binding's puts, under the lock.
func (m *Memory) with(b Binding, f func(*puts)) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.puts == nil {
		m.puts = make(map[bindingID]*puts)
	}
	if m.puts[b.id()] == nil {
		m.puts[b.id()] = &puts{written: make(map[string]time.Time)}
	}
	f(m.puts[b.id()])
}

// hasStaged reports whether this container has put the version already. Its label may have
// gone to another candidate since, and a put of a known version does not bring it
// back, but a version can be promoted by its id.
func (m *Memory) hasStaged(b Binding, version string) (has bool) {
	m.with(b, func(p *puts) { has = p.staged == version })
	return has
}

// forget forgets what was put: AWS may have removed a version without a label.
func (m *Memory) forget(b Binding) {
	m.with(b, func(p *puts) { p.staged = "" })
}

// hold notes that a candidate was held.
func (m *Memory) hold(b Binding, version string) {
	m.with(b, func(p *puts) { p.held = version[:digestLen] })
}

// isHeld reports whether the candidate that was held last says the same as a version.
func (m *Memory) isHeld(b Binding, version string) (is bool) {
	m.with(b, func(p *puts) { is = p.held == version[:digestLen] })
	return is
}

// isUnfit returns why the value of the secret cannot become a version, if this container has
// tried that.
func (m *Memory) isUnfit(b Binding, version string) (why error) {
	m.with(b, func(p *puts) {
		if p.unfit == version {
			why = p.why
		}
	})
	return why
}

// setUnfit notes that the value of the secret cannot become a version.
func (m *Memory) setUnfit(b Binding, version string, why error) {
	m.with(b, func(p *puts) { p.unfit, p.why = version, why })
}

// withdraw forgets a version that another binding of the secret has made useless.
func (m *Memory) withdraw(b Binding, version string) {
	m.with(b, func(p *puts) { delete(p.written, version) })
}

// wrote notes that this container put a version, and reports whether it has put more
// than a few for this binding within an hour.
func (m *Memory) wrote(b Binding, version string) (tooOften bool) {
	m.with(b, func(p *puts) {
		p.staged = version
		p.written[version] = time.Now().Round(0) // by the wall clock: Lambda freezes the container, and perhaps its other clock
		for id, at := range p.written {
			if time.Since(at) > time.Hour {
				delete(p.written, id)
			}
		}
		inAll := 0
		for id, p := range m.puts {
			if id.arn == b.ARN {
				inAll += len(p.written)
			}
		}
		tooOften = len(p.written) > often || inAll > oftenInAll
	})
	return tooOften
}

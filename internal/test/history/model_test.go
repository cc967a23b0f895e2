package history

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// A kind is what a call does to the register.
type kind string

const (
	read  kind = "read"  // DescribeSecret, GetSecretValue
	stage kind = "stage" // PutSecretValue under a label
	swap  kind = "swap"  // UpdateSecretVersionStage of AWSCURRENT
	put   kind = "put"   // PutSecretValue without a label
)

// A call is what a client asks of the register of one secret.
type call struct {
	Secret   string
	Kind     kind
	From, To string // versions; of a read From, if it asks for the one with AWSCURRENT by its id
	Epoch    int    // number of the URL in To
	Follower int    // number of the URL beside it in To, 0 if there is none
	Count    int    // of another writer in To, 0 if there is none
}

// An answer is the result of a call.
type answer struct {
	Lost    bool   // no answer came
	Refused bool   // of a read: From does not have AWSCURRENT
	Moved   bool   // To has AWSCURRENT
	Version string // of a read: the version with AWSCURRENT, "" if there is none
	Epoch   int    // of a read: the number of the URL, 0 if that was not asked
}

// A register is the state of one secret.
type register struct {
	Version                string
	Epoch, Follower, Count int
}

// forever is the time at which a call with a lost answer ends.
const forever = math.MaxInt64

var model = porcupine.Model{
	Partition: bySecret,
	Init:      func() any { return register{} },
	Step: func(state, in, out any) (bool, any) {
		return state.(register).step(in.(call), out.(answer))
	},
	DescribeOperation: func(in, out any) string { return describe(in.(call), out.(answer)) },
	DescribeState:     func(state any) string { return fmt.Sprintf("AWSCURRENT: URL %d", state.(register).Epoch) },
}

// step reports whether the answer is right in this state, and the next state.
func (s register) step(c call, a answer) (bool, register) {
	switch c.Kind {
	case read:
		if a.Refused {
			return c.From != s.Version, s
		}
		return a.Version == s.Version && (a.Epoch == 0 || a.Epoch == s.Epoch), s
	case stage:
		if s.Version == "" {
			s = c.register()
		}
		return a.Lost || a.Moved == (s.Version == c.To), s
	case swap:
		return s.move(c, a, s.Version == c.From)
	default: // only a repeated put is answered without a move, and it may find anything
		return s.move(c, a, a.Moved || a.Lost)
	}
}

func (c call) register() register { return register{c.To, c.Epoch, c.Follower, c.Count} }

// leadsTo reports whether the promise allows the next register: no URL is an older one, no
// count of another writer's is lost, and only one of them changes.
func (s register) leadsTo(next register) bool {
	changes := 0
	for _, changed := range []bool{next.Epoch > s.Epoch, next.Follower > s.Follower, next.Count == s.Count+1} {
		if changed {
			changes++
		}
	}
	return changes <= 1 && next.Epoch >= s.Epoch && next.Follower >= s.Follower && (next.Count == s.Count || next.Count == s.Count+1)
}

// move takes the register to the version that the call names, if AWS permits it and
// the promise allows it. A call without an answer is right in any state, as
// it may not have been carried out. Where it can move the register it does: if it was
// carried out late or never, porcupine finds a later place for it, as its end is at
// infinity.
func (s register) move(c call, a answer, permitted bool) (bool, register) {
	allowed := permitted && s.leadsTo(c.register())
	switch {
	case allowed && (a.Moved || a.Lost):
		return true, c.register()
	case a.Lost:
		return true, s
	}
	return !a.Moved && !permitted, s
}

func bySecret(operations []porcupine.Operation) [][]porcupine.Operation {
	secrets := make(map[string][]porcupine.Operation)
	for _, op := range operations {
		secret := op.Input.(call).Secret
		secrets[secret] = append(secrets[secret], op)
	}
	return slices.Collect(maps.Values(secrets))
}

// describe is the text of an operation in a picture.
func describe(c call, a answer) string {
	switch {
	case a.Refused:
		return "read: refused"
	case c.Kind == read && a.Version == "":
		return "read: empty"
	case c.Kind == read:
		return fmt.Sprintf("read: URL %d", a.Epoch)
	case a.Lost:
		return fmt.Sprintf("%s URL %d: no answer", c.Kind, c.Epoch)
	case c.Kind == swap && !a.Moved:
		return fmt.Sprintf("swap URL %d: refused", c.Epoch)
	}
	return fmt.Sprintf("%s URL %d", c.Kind, c.Epoch)
}

// judge has porcupine search for an order. Unknown means that the search took too long.
func judge(operations []porcupine.Operation) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(model, operations, time.Minute)
}

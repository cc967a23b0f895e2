package reconcile

import "time"

// SetJitter lets a simulation choose the pauses between attempts.
func (k *Reconciler) SetJitter(jitter func(time.Duration) time.Duration) { k.jitter = jitter }

// InOrder returns the order in which a round checks its apps.
var InOrder = inOrder

// Wrote and Withdraw are what a run tells the memory of its puts.
func (m *Memory) Wrote(b Binding, version string) (tooOften bool) { return m.wrote(b, version) }
func (m *Memory) Withdraw(b Binding, version string)              { m.withdraw(b, version) }

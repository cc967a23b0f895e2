package reconcile

import "time"

// SetJitter lets a simulation choose the pauses between attempts.
func (k *Reconciler) SetJitter(jitter func(time.Duration) time.Duration) { k.jitter = jitter }

// InOrder returns the order in which a round checks its apps.
var InOrder = inOrder

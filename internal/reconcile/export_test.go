package reconcile

import "time"

// SetJitter makes the pauses between attempts a simulation's choice.
func (k *Reconciler) SetJitter(jitter func(time.Duration) time.Duration) { k.jitter = jitter }

// InOrder is the order in which a round visits its apps.
var InOrder = inOrder

package reconcile

import (
	"context"
	"time"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

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

package setup

import (
	"context"
	"time"

	"keepcurrent.example/internal/credential"
)

// prefetchTimeout bounds how long a run may have to wait for a prefetch.
const prefetchTimeout = 5 * time.Second

// Prefetch starts the reads and does not wait for them. It drops their errors: a run
// that needs the value reads it again and reports the error itself.
func Prefetch(reads ...func(context.Context) error) {
	for _, read := range reads {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), prefetchTimeout)
			defer cancel()
			_ = credential.RecoverPanic(func() error { return read(ctx) })
		}()
	}
}

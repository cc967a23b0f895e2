package setup

import (
	"context"
	"time"

	"keepcurrent.example/internal/credential"
)

// aheadTime is how long a run may have to wait for what was begun ahead of it.
const aheadTime = 5 * time.Second

// Prefetch starts what is better done before it is needed, and does not wait for it.
// Nobody hears of its errors: who needs the result does it again, and reports.
func Prefetch(reads ...func(context.Context) error) {
	for _, read := range reads {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), aheadTime)
			defer cancel()
			_ = credential.RecoverPanic(func() error { return read(ctx) })
		}()
	}
}

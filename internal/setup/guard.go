package setup

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"keepcurrent.example/internal/credential"
)

// errPanic is all that an invocation's caller learns of a panic.
type errPanic struct{ kind string }

func (e errPanic) Error() string { return "the function panicked (" + e.kind + "): see its log" }

// Ahead starts what is better done before it is needed, and does not wait for it.
// Nobody hears of its errors: who needs the result does it again, and reports.
func Ahead(reads ...func(context.Context) error) {
	for _, read := range reads {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), aheadTime)
			defer cancel()
			_ = credential.Safely(func() { _ = read(ctx) })
		}()
	}
}

// aheadTime is how long someone may have to wait for what was begun ahead of him.
const aheadTime = 5 * time.Second

// Guard returns f with its panics turned into an error. The Lambda runtime would
// print the value of a panic, and a value can be anything; the guard logs
// its type and the stack.
func Guard[In, Out any](p *Parts, f func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (out Out, err error) {
		defer func() {
			if value := recover(); value != nil {
				err = errPanic{kind: fmt.Sprintf("%T", value)}
				p.log.ErrorContext(ctx, "panic", "type", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
			}
		}()
		return f(ctx, in)
	}
}

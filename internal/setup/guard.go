package setup

import (
	"context"
	"fmt"
	"runtime/debug"
)

// panicError is all that an invocation's caller learns of a panic.
type panicError struct{ kind string }

func (e panicError) Error() string { return "the function panicked (" + e.kind + "): see its log" }

// Guard returns f with its panics turned into an error. The Lambda runtime would
// print the value of a panic, and a value can be anything; the guard logs
// its type and the stack.
func Guard[In, Out any](p *Parts, f func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (out Out, err error) {
		defer func() {
			if value := recover(); value != nil {
				kind := fmt.Sprintf("%T", value)
				p.log.ErrorContext(ctx, "panic", "type", kind, "stack", string(debug.Stack()))
				err = panicError{kind}
			}
		}()
		return f(ctx, in)
	}
}

package setup

import (
	"context"
	"fmt"

	"keepcurrent.example/internal/credential"
)

// RecoverPanic returns f with its panics turned into an error. The Lambda runtime would
// print the value of a panic, which may be a credential. RecoverPanic logs where the
// panic came from, and its text only if it is one of Go's own.
func RecoverPanic[In, Out any](p *Parts, f func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (out Out, err error) {
		defer func() {
			if value := recover(); value != nil {
				panicked := credential.Recovered(value)
				p.log.ErrorContext(ctx, "panic", "type", panicked.Type, "error", panicked.Error(), "stack", panicked.Stack)
				err = fmt.Errorf("the function panicked (%s): see its log", panicked.Type)
			}
		}()
		return f(ctx, in)
	}
}

package login

import (
	"context"

	"keepcurrent.example/internal/connection"
)

// UnderWay returns how many logins are under way.
func UnderWay() int { return len(slots) }

// Overtime returns the result of a login that has dialed, never ends, and is out of time.
func Overtime(ctx context.Context, url connection.URL) error {
	ctx, way := newLine(ctx)
	if _, err := way.dial(ctx, "tcp", address(url)); err != nil {
		return err
	}
	return overtime(make(chan error), way, url, context.DeadlineExceeded)
}

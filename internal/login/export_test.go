package login

import (
	"context"

	"keepcurrent.example/internal/connection"
)

// UnderWay is how many logins are.
func UnderWay() int { return len(slots) }

// Overtime is what becomes of a login that has dialed, never ends, and whose time is
// over.
func Overtime(ctx context.Context, url connection.URL) error {
	ctx, way := newLine(ctx)
	if _, err := way.dial(ctx, "tcp", address(url)); err != nil {
		return err
	}
	return overtime(make(chan error), way, url, context.DeadlineExceeded)
}

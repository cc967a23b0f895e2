package credential

import (
	"context"
	"errors"
	"net"
)

// NetworkError returns the part of an error that comes from the network or from the end of
// a context, nil if there is none. Nothing else of a failed exchange may be shown: net/http
// and decoders quote what they do not understand, and that may be a credential.
func NetworkError(err error) error {
	var network *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &network):
		return network
	}
	return nil
}

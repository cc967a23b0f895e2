package consumer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/aws/smithy-go"
)

// The kinds of an [*Error]; errors.Is finds them.
var (
	ErrUnread      = errors.New("the secret cannot be read: check its name, and that secretsmanager:GetSecretValue is allowed")
	ErrFormat      = errors.New("the secret holds neither a Postgres URL nor an object with one")
	ErrKey         = errors.New("Source.Key leads to no Postgres URL")
	ErrRefused     = errors.New("the server refuses the login, and no newer version of the secret has come that it takes")
	ErrUnreachable = errors.New("the server cannot be reached, and no newer version of the secret has come that names another")
)

// Error says why there is no credential to connect with. Of the secret it shows only
// the address of the server, or names of keys: at most ten, and none that is long enough
// for a credential.
type Error struct {
	// Kind is one of ErrUnread, ErrFormat, ErrKey, ErrRefused, ErrUnreachable.
	Kind error
	// SecretID is the secret as the Source names it.
	SecretID string
	// Version is the id of the version, "" if none could be read.
	Version string
	// Address is the server's, as host:port; "" if no login was attempted.
	Address string
	// SQLState is the server's answer, if it gave one.
	SQLState string
	// Err is the cause, if there is more to say.
	Err error
}

func (e *Error) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "consumer: secret %s", e.SecretID)
	if e.Version != "" {
		fmt.Fprintf(&text, ", version %s", e.Version)
	}
	if e.Address != "" {
		fmt.Fprintf(&text, ", server %s", e.Address)
	}
	fmt.Fprintf(&text, ": %v", e.Kind)
	if e.SQLState != "" {
		fmt.Fprintf(&text, " (SQLSTATE %s)", e.SQLState)
	}
	if e.Err != nil {
		fmt.Fprintf(&text, ": %v", e.Err)
	}
	return text.String()
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// plain returns the part of a request's error that cannot quote an answer: AWS's own
// error, a network error, or the end of the context. net/http quotes a malformed answer,
// and a decoder could.
func plain(err error) error {
	var api smithy.APIError
	var network *net.OpError
	switch {
	case errors.As(err, &api):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &network):
		return network
	}
	return errors.New("the connection to Secrets Manager broke off, or its answer could not be understood")
}

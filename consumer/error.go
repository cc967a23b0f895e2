package consumer

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of an [*Error]; errors.Is finds them.
var (
	ErrUnread      = errors.New("the secret cannot be read")
	ErrFormat      = errors.New("the secret holds neither a Postgres URL nor an object with one")
	ErrKey         = errors.New("Source.Key leads to no Postgres URL")
	ErrSettings    = errors.New("pgx cannot work with the settings of this machine")
	ErrRefused     = errors.New("the server refuses the login, and no newer version of the secret has come that it takes")
	ErrFull        = errors.New("the server or its pooler has no connection left")
	ErrUnreachable = errors.New("the server cannot be reached, and no newer version of the secret has come that names another")
)

// Error says why there is no credential to connect with. Of the secret it shows only
// the address of the server, or names of keys: at most ten, and none that is long enough
// for a credential.
type Error struct {
	// Kind is one of ErrUnread, ErrFormat, ErrKey, ErrSettings, ErrRefused, ErrFull,
	// ErrUnreachable.
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

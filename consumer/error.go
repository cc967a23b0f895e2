package consumer

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// The kinds of an [*Error]; errors.Is finds them.
var (
	ErrUnread      = errors.New("the secret cannot be read")
	ErrFormat      = errors.New("the secret holds neither a Postgres URL nor an object with one")
	ErrKey         = errors.New("Source.Key leads to no Postgres URL")
	ErrSettings    = errors.New("pgx cannot work with the settings of this machine, or with the parameters of the URL")
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
	// SecretID is the secret as the Source names it, "(not shown)" if that is neither the
	// name nor the ARN of a secret. The text shows none that may be a password.
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
	if mayBePassword(e.SecretID) {
		return strings.ReplaceAll(text.String(), e.SecretID, notShown) // AWS's message names it, too
	}
	return text.String()
}

// notShown stands for a text that can be a credential.
const notShown = "(not shown)"

// secretID is the form of a secret's name or ARN
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html).
// A connection URL does not have it.
var secretID = regexp.MustCompile(`^(arn:[a-z0-9-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@!-]{1,519}$`)

// checkSecretID refuses what AWS must not even get: it logs the ids of secrets.
func checkSecretID(id string) error {
	if secretID.MatchString(id) {
		return nil
	}
	return &Error{Kind: ErrUnread, SecretID: notShown,
		Err: errors.New("Source.SecretID is neither the name nor the ARN of a secret: check which variable it comes from")}
}

// alphanumeric finds what is long enough for a password of Heroku's or a key.
var alphanumeric = regexp.MustCompile(`[A-Za-z0-9]{32,}`)

// mayBePassword reports whether a text has a long run of letters and digits, as
// keepcurrent's functions judge it.
func mayBePassword(text string) bool {
	for _, run := range alphanumeric.FindAllString(text, -1) {
		if strings.ContainsAny(run, "0123456789") && strings.Trim(run, "0123456789") != "" {
			return true
		}
	}
	return false
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

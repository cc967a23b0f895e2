package setup

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/secrets"
)

var (
	errEmpty   = errors.New("it is empty: put a value into it")
	errNoToken = errors.New("its value is no API token")
)

// signingKeys reads the current key and, if there is one, the previous, so that
// the key can be changed without refusing a delivery.
func signingKeys(ctx context.Context, manager secrets.Manager, id string) ([]credential.Value, error) {
	var previous credential.Value
	var previousErr error
	var wg sync.WaitGroup
	wg.Go(func() {
		previousErr = credential.RecoverPanic(func() (err error) {
			previous, err = manager.Previous(ctx, id)
			return err
		})
	})
	current, err := value(ctx, manager, id)
	wg.Wait()
	if err != nil {
		return nil, err
	}
	if previousErr != nil {
		return nil, previousErr
	}
	if previous = trimmed(previous); previous.Empty() {
		return []credential.Value{current}, nil
	}
	return []credential.Value{current, previous}, nil
}

// apiToken reads a token, and fails if the value cannot be one. The tag heroku:token can
// name any secret that the functions may read, and its value is sent to Heroku. Neither
// a connection URL nor JSON has the form of a token
// (https://www.rfc-editor.org/rfc/rfc6750#section-2.1).
func apiToken(ctx context.Context, manager secrets.Manager, id string) (credential.Value, error) {
	token, err := value(ctx, manager, id)
	if err == nil && !token68.MatchString(token.Reveal()) {
		return credential.Value{}, fmt.Errorf("secret %s: %w", id, errNoToken)
	}
	return token, err
}

// isFinal reports whether only a person can make the secret that a tag names readable:
// it does not exist, the functions may not read it, it is empty, or its value is
// something else.
func isFinal(err error) bool {
	var api smithy.APIError
	var missing *types.ResourceNotFoundException
	return errors.Is(err, errEmpty) || errors.Is(err, errNoToken) || errors.Is(err, secrets.ErrBinary) || errors.As(err, &missing) ||
		errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException"
}

var token68 = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]*$`)

// value returns the value of a secret, without white space around it. It fails if the
// value is empty.
func value(ctx context.Context, manager secrets.Manager, id string) (credential.Value, error) {
	read, err := manager.Value(ctx, id)
	if err != nil {
		return read, err
	}
	return filled(read, id)
}

// filled trims the value of a secret. It fails if nothing is left.
func filled(value credential.Value, id string) (credential.Value, error) {
	value = trimmed(value)
	if value.Empty() {
		return value, fmt.Errorf("secret %s: %w", id, errEmpty)
	}
	return value, nil
}

// trimmed removes the white space that an editor or a shell leaves at the end.
func trimmed(value credential.Value) credential.Value {
	return credential.New(strings.TrimSpace(value.Reveal()))
}

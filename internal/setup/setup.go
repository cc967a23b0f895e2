// Package setup wires the rooms together out of a function's environment, the
// same way for both functions.
package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/heroku"
	"keepcurrent.example/internal/keeper"
	"keepcurrent.example/internal/keyring"
	"keepcurrent.example/internal/login"
	"keepcurrent.example/internal/secrets"
	"keepcurrent.example/internal/subscription"
)

const (
	// rest is the least time between two reads of the same key because somebody
	// refused it.
	rest = 30 * time.Second
)

// Parts are what a function is made of.
type Parts struct {
	Keeper      *keeper.Keeper
	Secrets     secrets.Manager
	SigningKeys *keyring.Ring // the current one first, then the previous one
	Accounts    *Accounts
	// Prepare opens a connection to Heroku, if there is none to count on.
	Prepare func()
	// Desk returns the keeper of the webhook subscriptions of an account; nil
	// without WEBHOOK_URL.
	Desk func(token string) *subscription.Desk
	// Period is the time from one poll to the next.
	Period time.Duration

	log *slog.Logger
}

// FromEnvironment makes the parts out of the variables in the README's table. It
// makes no request.
func FromEnvironment() (*Parts, error) {
	// net/http prints bytes of an answer that is longer than it said, and aws-lambda-go
	// the errors that are logged here already; neither knows what a credential is.
	stdlog.SetOutput(io.Discard)
	log, logErr := logger(os.Getenv("LOG_LEVEL"))
	pause, pauseErr := isOn("PAUSE")
	reserve, reserveErr := number("HEROKU_RESERVE", 500, 0, 4000)
	minutes, minutesErr := number("POLL_MINUTES", 1, 1, 24*60)
	api, apiErr := herokuURL(os.Getenv("HEROKU_API_URL"))
	tokenID, tokenErr := required("HEROKU_TOKEN_SECRET_ID")
	keyID, keyErr := required("WEBHOOK_SIGNING_SECRET_ID")
	if err := errors.Join(logErr, pauseErr, reserveErr, minutesErr, apiErr, tokenErr, keyErr); err != nil {
		return nil, err
	}
	manager := secrets.Manager{Client: secretsManager()}
	keys := &keyring.Ring{Rest: rest, Read: func(ctx context.Context) ([]credential.Value, error) {
		return signingKeys(ctx, manager, keyID)
	}}
	transport := heroku.NewTransport(api)
	accounts := &Accounts{open: func(tag string) *heroku.API {
		tokens := &keyring.Ring{Rest: rest, Read: func(ctx context.Context) ([]credential.Value, error) {
			token, err := apiToken(ctx, manager, cmp.Or(tag, tokenID))
			if tag != "" && isFinal(err) {
				err = fmt.Errorf("%w: tag %s: %w", binding.ErrTag, binding.TokenTag, err)
			}
			return []credential.Value{token}, err
		}}
		return &heroku.API{URL: api, Tokens: tokens, Transport: transport, Reserve: reserve}
	}}
	account := func(token string) keeper.Heroku { return accounts.Of(token) }
	return &Parts{
		Keeper:      &keeper.Keeper{Secrets: manager, Heroku: account, Database: login.Client{Read: manager.Value}, Keys: keys, DryRun: pause},
		Secrets:     manager,
		SigningKeys: keys,
		Accounts:    accounts,
		Prepare:     transport.Prepare,
		Desk:        desk(accounts, os.Getenv("WEBHOOK_URL"), manager, keyID),
		Period:      time.Duration(minutes) * time.Minute,
		log:         log,
	}, nil
}

func desk(accounts *Accounts, url string, manager secrets.Manager, keyID string) func(token string) *subscription.Desk {
	if url == "" {
		return nil
	}
	key := func(ctx context.Context) (credential.Value, time.Time, error) {
		var made time.Time
		key, err := filled(ctx, func(ctx context.Context, id string) (value credential.Value, err error) {
			value, made, err = manager.Dated(ctx, id)
			return value, err
		}, keyID)
		return key, made, err
	}
	return func(token string) *subscription.Desk {
		return &subscription.Desk{Heroku: accounts.Of(token), URL: url, Key: key}
	}
}

// Log returns the logger of one invocation.
func (p *Parts) Log(ctx context.Context, trigger string) *slog.Logger {
	log := p.log.With("trigger", trigger)
	if lambda, ok := lambdacontext.FromContext(ctx); ok {
		log = log.With("requestId", lambda.AwsRequestID)
	}
	return log
}

func logger(level string) (*slog.Logger, error) {
	least := slog.LevelInfo
	if level != "" {
		if err := least.UnmarshalText([]byte(level)); err != nil {
			return nil, fmt.Errorf("LOG_LEVEL is %q: it can be debug, info, warn or error", level)
		}
	}
	return slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: least})), nil
}

// herokuURL refuses to send the API token over a network in the clear.
func herokuURL(text string) (string, error) {
	if text == "" {
		return "https://api.heroku.com", nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "", errors.New("HEROKU_API_URL is not a URL")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && (ip == nil || !ip.IsLoopback()) {
		return "", errors.New("HEROKU_API_URL is not https: the API token would travel in the clear")
	}
	return strings.TrimSuffix(text, "/"), nil
}

// isOn reads a variable that is on, off or empty, which is off.
func isOn(variable string) (bool, error) {
	switch value := os.Getenv(variable); value {
	case "on":
		return true, nil
	case "", "off":
		return false, nil
	default:
		return false, fmt.Errorf("%s is %q: it can be on or off", variable, value)
	}
}

// number reads a variable that is a whole number, or empty.
func number(variable string, otherwise, least, most int) (int, error) {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s is %q: it can be a whole number from %d to %d", variable, text, least, most)
	}
	return n, nil
}

func required(variable string) (string, error) {
	if value := os.Getenv(variable); value != "" {
		return value, nil
	}
	return "", fmt.Errorf("%s is not set: see the table of variables in the README", variable)
}

// signingKeys reads the current key and, if there is one, the previous, so that
// the key can be changed without refusing a delivery.
func signingKeys(ctx context.Context, manager secrets.Manager, id string) ([]credential.Value, error) {
	var previous credential.Value
	var previousErr error
	var wg sync.WaitGroup
	wg.Go(func() {
		panicked := credential.Safely(func() { previous, previousErr = filled(ctx, manager.Previous, id) })
		previousErr = errors.Join(previousErr, panicked)
	})
	current, err := filled(ctx, manager.Value, id)
	wg.Wait()
	switch {
	case err != nil:
		return nil, err
	case errors.Is(previousErr, errEmpty):
		return []credential.Value{current}, nil
	case previousErr != nil:
		return nil, previousErr
	}
	return []credential.Value{current, previous}, nil
}

// apiToken reads a token. The tag heroku:token can name any secret that the functions
// may read, and what it holds goes to Heroku: so it must look like a token, which
// neither a connection URL nor JSON does
// (https://www.rfc-editor.org/rfc/rfc6750#section-2.1).
func apiToken(ctx context.Context, manager secrets.Manager, id string) (credential.Value, error) {
	token, err := filled(ctx, manager.Value, id)
	if err == nil && !isToken68(token.Reveal()) {
		return credential.Value{}, fmt.Errorf("secret %s: %w", id, errNoToken)
	}
	return token, err
}

var errNoToken = errors.New("its value is no API token")

// isFinal reports whether a token cannot be read before a person has done something:
// the secret is not there, not to be read by us, empty, or holds something else.
func isFinal(err error) bool {
	var api smithy.APIError
	var missing *types.ResourceNotFoundException
	return errors.Is(err, errEmpty) || errors.Is(err, errNoToken) || errors.As(err, &missing) ||
		errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException"
}

func isToken68(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~+/=", c) >= 0) {
			return false
		}
	}
	return true
}

var errEmpty = errors.New("it is empty: put a value into it")

// filled reads a value, trims the white space that an editor or a shell leaves at
// its end, and refuses an empty one.
func filled(ctx context.Context, read func(context.Context, string) (credential.Value, error), id string) (credential.Value, error) {
	value, err := read(ctx, id)
	if err != nil {
		return value, err
	}
	trimmed := credential.New(strings.TrimSpace(value.Reveal()))
	if trimmed.Empty() {
		return trimmed, fmt.Errorf("secret %s: %w", id, errEmpty)
	}
	return trimmed, nil
}

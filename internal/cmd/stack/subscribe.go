package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/heroku"
	"keepcurrent.example/internal/reconcile"
)

// change makes, repairs or removes the webhook of an app.
func (s *stack) change(ctx context.Context, command, app string) error {
	now, err := s.existing(ctx)
	if err != nil {
		return err
	}
	if command == "unsubscribe" {
		return s.unsubscribe(ctx, now, subscribed{App: app})
	}
	return s.subscribe(ctx, now, app)
}

// subscribe makes the webhook of an app or repairs it, with the person's own Heroku login:
// the stack's token may only read.
func (s *stack) subscribe(ctx context.Context, now described, app string) error {
	webhooks, err := s.webhooks(ctx, now)
	if err != nil {
		return err
	}
	// Heroku does not show which key a webhook has, so it gets ours in any case.
	did, err := webhooks.Ensure(ctx, app, true)
	if err != nil {
		return fmt.Errorf("the webhook of the app %s is not made: %w", app, aboutLogin(err))
	}
	what := "has a webhook now"
	if did != "subscribed" {
		what = "had a webhook, which has the right events and our signing key now"
	}
	fmt.Fprintf(s.out, "the app %s %s\n", app, what)
	return nil
}

// webhooks are those at the stack's address, as the person may change them.
func (s *stack) webhooks(ctx context.Context, now described) (*heroku.Webhooks, error) {
	address, keyID := now.output("WebhookUrl"), now.output("SigningKey")
	if address == "" || keyID == "" {
		return nil, fmt.Errorf("the stack %s has no outputs WebhookUrl and SigningKey: it is not one of keepcurrent's, or is not complete", s.name)
	}
	login, err := herokuLogin(ctx)
	if err != nil {
		return nil, err
	}
	// Not the stack's HerokuApiUrl: who may change the stack must not get the login.
	api := cmp.Or(os.Getenv("HEROKU_API_URL"), "https://api.heroku.com")
	if !isSafe(api) {
		return nil, errors.New("HEROKU_API_URL does not begin with https://, and your login would be sent there: unset it")
	}
	tokens := &credential.Ring{Read: func(context.Context) ([]credential.Value, error) { return []credential.Value{login}, nil }}
	return &heroku.Webhooks{
		API: &heroku.API{URL: api, Tokens: tokens, Transport: heroku.NewTransport(api)},
		URL: address,
		Key: func(ctx context.Context) (credential.Value, time.Time, error) {
			key, err := s.signingKey(ctx, keyID)
			return key, time.Time{}, err // the time does not matter, because the key is given in any case
		},
	}, nil
}

// isSafe reports whether a login may be sent to an address: by TLS, or on this machine.
func isSafe(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && err == nil && ip.IsLoopback()
}

func (s *stack) signingKey(ctx context.Context, secret string) (credential.Value, error) {
	var answer struct{ SecretString string }
	if err := s.ask(ctx, &answer, "secretsmanager", "get-secret-value", "--secret-id", secret); err != nil {
		return credential.Value{}, fmt.Errorf("read the signing key: %w", err)
	}
	key := credential.New(strings.TrimSpace(answer.SecretString)) // as the functions read it
	if key.Empty() {
		return key, fmt.Errorf("the signing key is empty: put a value into the secret %s", secret)
	}
	return key, nil
}

var tokenForm = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`)

// herokuLogin returns the person's token, as Heroku's own CLI finds it.
func herokuLogin(ctx context.Context) (credential.Value, error) {
	token, from := os.Getenv("HEROKU_API_KEY"), "HEROKU_API_KEY"
	if token == "" {
		from = "heroku auth:token"
		out, err := exec.CommandContext(ctx, "heroku", "auth:token").Output()
		switch {
		case errors.Is(err, exec.ErrNotFound):
			return credential.Value{}, errors.New("the Heroku CLI is not installed: https://devcenter.heroku.com/articles/heroku-cli (or put a token of yours into HEROKU_API_KEY)")
		case err != nil: // what it prints is not quoted: it can be the token
			return credential.Value{}, errors.New("heroku auth:token fails: log in with heroku login, or put a token of yours into HEROKU_API_KEY")
		}
		token = strings.TrimSpace(string(out))
	}
	if !tokenForm.MatchString(token) {
		return credential.Value{}, fmt.Errorf("%s gives no token: log in with heroku login", from)
	}
	return credential.New(token), nil
}

// aboutLogin says of a refusal what it means for the person's login. The advice of the error
// itself is about the stack's token.
func aboutLogin(err error) error {
	switch {
	case errors.Is(err, reconcile.ErrToken):
		return errors.New("Heroku does not take your login: run heroku login, or put another token of yours into HEROKU_API_KEY")
	case errors.Is(err, heroku.ErrMayNotWrite), errors.Is(err, heroku.ErrMayNotList):
		return errors.New("your Heroku login may not change its webhooks: log in as a user who may change the app (heroku login)")
	}
	return err
}

package setup

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/secrets"
)

// environment is what the variables that docs/reference.md lists say.
type environment struct {
	log        *slog.Logger
	pause      bool
	reserve    int
	period     time.Duration
	herokuURL  string
	webhookURL string // "" to leave subscriptions alone
	tokenID    string // the secret with the API token
	keyID      string // the secret with the signing key
	only       secrets.Tag
}

// readEnvironment reads all variables. Its error names every one that is invalid.
func readEnvironment() (environment, error) {
	log, logErr := logger(os.Getenv("LOG_LEVEL"))
	pause, pauseErr := isOn("PAUSE")
	reserve, reserveErr := number("HEROKU_RESERVE", 500, 0, 4000)
	minutes, minutesErr := number("POLL_MINUTES", 1, 1, 24*60)
	api, apiErr := herokuURL(os.Getenv("HEROKU_API_URL"))
	tokenID, tokenErr := secretID("HEROKU_TOKEN_SECRET_ID")
	keyID, keyErr := secretID("WEBHOOK_SIGNING_SECRET_ID")
	only, onlyErr := onlyTag(os.Getenv("ONLY_TAG"))
	return environment{
		log:        log,
		pause:      pause,
		reserve:    reserve,
		period:     time.Duration(minutes) * time.Minute,
		herokuURL:  api,
		webhookURL: os.Getenv("WEBHOOK_URL"),
		tokenID:    tokenID,
		keyID:      keyID,
		only:       only,
	}, errors.Join(logErr, pauseErr, reserveErr, minutesErr, apiErr, tokenErr, keyErr, onlyErr)
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

// tagText is what the parameter OnlyTag takes: AWS's characters of a tag without blanks, and
// one "=" that parts the name from the value.
var tagText = regexp.MustCompile(`^([A-Za-z0-9_.:/+@-]{1,128})=([A-Za-z0-9_.:/+@-]{1,256})$`)

// onlyTag does not show what it refuses: it may be anything.
func onlyTag(text string) (only secrets.Tag, err error) {
	if text == "" {
		return only, nil
	}
	parts := tagText.FindStringSubmatch(text)
	if parts == nil {
		return only, errors.New("ONLY_TAG is not the name and the value of a tag, as in team=shop")
	}
	return secrets.Tag{Key: parts[1], Value: parts[2]}, nil
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

// secretID reads a variable that must name a secret. Later errors show its value, so
// secretID refuses, without showing it, a value that is not a name: it may be the
// credential itself.
func secretID(variable string) (string, error) {
	value := os.Getenv(variable)
	switch {
	case value == "":
		return "", fmt.Errorf("%s is not set: docs/reference.md lists the variables", variable)
	case reconcile.LooksLikeCredential(value):
		return "", fmt.Errorf("%s looks like a credential: revoke it, put the new one into a secret, and name that secret here", variable)
	case !reconcile.IsSecretID(value):
		return "", fmt.Errorf("%s is not the name or the ARN of a secret", variable)
	}
	return value, nil
}

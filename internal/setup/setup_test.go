package setup

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"keepcurrent.example/internal/heroku"
)

func TestTheTokenGoesOverTLSOrStaysOnTheMachine(t *testing.T) {
	t.Parallel()
	tests := map[string]string{ // "" is refused
		"":                         "https://api.heroku.com",
		"https://api.example/":     "https://api.example",
		"http://127.0.0.1:8080":    "http://127.0.0.1:8080",
		"http://[::1]:8080":        "http://[::1]:8080",
		"http://api.heroku.com":    "",
		"http://127.0.0.1.example": "",
		"api.heroku.com":           "",
		"ftp://api.heroku.com":     "",
		"https://":                 "",
		":":                        "",
	}
	for text, want := range tests {
		if got, err := herokuURL(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestGuardKeepsThePanicValueOutOfTheLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p := &Parts{log: slog.New(slog.NewJSONHandler(&log, nil))}
	guarded := Guard(p, func(context.Context, string) (string, error) { panic("postgres://u:pEXAMPLE@h/d") })
	_, err := guarded(t.Context(), "")
	if err == nil || strings.Contains(err.Error()+log.String(), "EXAMPLE") || !strings.Contains(log.String(), "TestGuard") {
		t.Errorf("%v\n%s", err, &log)
	}
}

func TestGuardLeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	guarded := Guard(&Parts{}, func(_ context.Context, in string) (string, error) { return in + "!", away })
	if out, err := guarded(t.Context(), "a"); out != "a!" || err != away {
		t.Errorf("%q, %v", out, err)
	}
}

func TestOnlyWhatLooksLikeATokenGoesToHeroku(t *testing.T) {
	t.Parallel()
	for text, token := range map[string]bool{
		"HRKU-EXAMPLE-0123_45":                 true,
		"01234567-89ab-cdef-0123-456789abcdef": true,
		"postgres://u:pEXAMPLE@h/d":            false,
		`{"token":"EXAMPLE"}`:                  false,
		"two words":                            false,
		"line\nend":                            false,
	} {
		if isToken68(text) != token {
			t.Errorf("%q", text)
		}
	}
}

func TestEachTokenSecretIsAnAccountOfItsOwn(t *testing.T) {
	t.Parallel()
	var opened []string
	accounts := &Accounts{open: func(token string) *heroku.API {
		opened = append(opened, token)
		return &heroku.API{}
	}}
	if accounts.Of("") != accounts.Of("") || accounts.Of("") == accounts.Of("b") || len(opened) != 2 {
		t.Errorf("opened %q", opened)
	}
	if _, known := accounts.Remaining(); known {
		t.Error("accounts that were never asked are known to have requests left")
	}
}

package setup

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
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

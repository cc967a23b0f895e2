package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/secrets"
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

func TestAPanicIsLoggedWithItsPlaceAndWithoutItsValue(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p := &Parts{log: slog.New(slog.NewJSONHandler(&log, nil))}
	guarded := RecoverPanic(p, func(context.Context, string) (string, error) { panic("postgres://u:pEXAMPLE@h/d") })
	_, err := guarded(t.Context(), "")
	if err == nil || strings.Contains(err.Error()+log.String(), "EXAMPLE") || !strings.Contains(log.String(), "TestAPanicIsLogged") {
		t.Errorf("%v\n%s", err, &log)
	}
}

func TestNoTextInALogLineIsLongerThanItsBound(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	long := strings.Repeat("x", 1<<20)
	log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: cut}))
	log.With("trigger", long).Error("failed", "error", long, slog.Group("more", "error", long))
	if out.Len() > 3*reconcile.MaxText+500 {
		t.Errorf("a line of %d bytes", out.Len())
	}
	out.Reset()
	log.Error("panic", "stack", long[:5*reconcile.MaxText], "count", 7)
	if out.Len() < 5*reconcile.MaxText || !strings.Contains(out.String(), `"count":7`) {
		t.Errorf("the stack of a panic is cut: %d bytes", out.Len())
	}
}

func TestWithoutAPanicTheFunctionIsLeftAlone(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	guarded := RecoverPanic(&Parts{}, func(_ context.Context, in string) (string, error) { return in + "!", away })
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
		if token68.MatchString(text) != token {
			t.Errorf("%q", text)
		}
	}
}

// If a token may be readable later, Heroku shall deliver again.
func TestOnlyWhatAPersonMustFixIsFinal(t *testing.T) {
	t.Parallel()
	for err, final := range map[error]bool{
		errEmpty:                           true,
		errNoToken:                         true,
		secrets.ErrBinary:                  true,
		&types.ResourceNotFoundException{}: true,
		&smithy.GenericAPIError{Code: "AccessDeniedException"}: true,
		&smithy.GenericAPIError{Code: "ThrottlingException"}:   false,
		&types.InternalServiceError{}:                          false,
		context.DeadlineExceeded:                               false,
		io.ErrUnexpectedEOF:                                    false,
	} {
		if wrapped := fmt.Errorf("reading: %w", err); isFinal(wrapped) != final {
			t.Errorf("%v: final %t", err, !final)
		}
	}
}

func TestNumbersOfTheEnvironmentHaveBounds(t *testing.T) {
	tests := map[string]struct {
		n  int
		ok bool
	}{"": {7, true}, "0": {0, true}, "10": {10, true}, "11": {0, false}, "-1": {0, false}, "ten": {0, false}, "1.5": {0, false}}
	for text, want := range tests {
		t.Setenv("KEEPCURRENT_TEST_NUMBER", text)
		if n, err := number("KEEPCURRENT_TEST_NUMBER", 7, 0, 10); n != want.n || (err == nil) != want.ok {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
}

func TestTheOnlyTagIsANameAndAValueAndIsNotShownOtherwise(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]*secrets.Tag{ // nil is refused
		"":                           {},
		"team=shop":                  {Key: "team", Value: "shop"},
		"acme:cost-center=a/b_1.c@d": {Key: "acme:cost-center", Value: "a/b_1.c@d"},
		"team":                       nil,
		"team=":                      nil,
		"=shop":                      nil,
		"a=b=c":                      nil,
		"my team=shop":               nil,
		"team=!shop":                 nil, // AWS would take it for "not shop"
		"team=*":                     nil,
		"u:pEXAMPLE@h/d?a=b":         nil,
	} {
		got, err := onlyTag(text)
		if (err != nil) != (want == nil) || want != nil && got != *want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "EXAMPLE") {
			t.Error(err)
		}
	}
}

package login_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"keepcurrent.example/internal/keeper"
	"keepcurrent.example/internal/redistest"
)

func store(t *testing.T) *redistest.Server {
	t.Helper()
	s, err := redistest.Start(t.Context())
	if errors.Is(err, redistest.ErrNotInstalled) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestLoginToARedis(t *testing.T) {
	t.Parallel()
	s := store(t)
	old := s.URL()
	if err := try(t, old); err != nil {
		t.Error(err)
	}
	if err := s.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		url  string
		is   error
		says string
	}{
		"a rotated password":       {old, keeper.ErrRefused, "WRONGPASS"},
		"another user":             {strings.Replace(s.URL(), "//:", "//nobody:", 1), keeper.ErrRefused, "WRONGPASS"},
		"a database that is none":  {s.URL() + "/99999", nil, ""}, // the number is a consumer's business
		"a server that is away":    {"rediss://:pEXAMPLE@127.0.0.1:1", errAny, "cannot be reached"},
		"a name that is none":      {"rediss://:pEXAMPLE@none.invalid", errAny, "cannot be reached"},
		"a server that is a chat":  {"rediss://:pEXAMPLE@" + answer(t, "HELLO\r\n"), keeper.ErrNoTLS, "no TLS"},
		"the right one, once more": {s.URL(), nil, ""},
	}
	for name, tt := range tests {
		err := try(t, tt.url)
		switch {
		case tt.is == nil && err != nil, tt.is != nil && err == nil:
			t.Errorf("%s: %v", name, err)
		case err == nil:
		case tt.is == errAny && (errors.Is(err, keeper.ErrRefused) || errors.Is(err, keeper.ErrNoTLS)):
			t.Errorf("%s is taken for an answer: %v", name, err)
		case tt.is != errAny && !errors.Is(err, tt.is), !strings.Contains(err.Error(), tt.says):
			t.Errorf("%s: %v", name, err)
		case strings.Contains(err.Error(), "pEXAMPLE"):
			t.Errorf("%s: the error shows the password", name)
		}
	}
}

// errAny is any error that says nothing of the credential.
var errAny = errors.New("any")

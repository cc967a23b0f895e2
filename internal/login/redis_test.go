package login_test

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"keepcurrent.example/internal/keeper"
	"keepcurrent.example/internal/redistest"
)

func TestLoginToARedis(t *testing.T) {
	t.Parallel()
	s := redistest.Run(t)
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

// A config var can name any server.
func TestAHostileServerIsLeftWithoutHarm(t *testing.T) {
	t.Parallel()
	certificate := selfSigned(t)
	redis := map[string]string{
		"a length beyond reason": "$99999999999\r\n",
		"a nested answer":        strings.Repeat("*1\r\n", 2000),
		"a line without an end":  strings.Repeat("x", 1<<20),
		"a kind of its own":      "-pEXAMPLE was it\r\n",
	}
	for name, says := range redis {
		err := try(t, "rediss://:pEXAMPLE@"+answerTLS(t, certificate, "", says))
		if err == nil || strings.Contains(err.Error(), "pEXAMPLE") {
			t.Errorf("%s: %v", name, err)
		}
	}
	message := func(kind byte, body string) string {
		length := binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))
		return string(kind) + string(length) + body
	}
	postgres := map[string]string{
		"a length beyond reason": "E\x3f\xff\xff\xff",
		"an echo for a code":     message('E', "SFATAL\x00C28pEXAMPLE\x00Mno\x00\x00"),
		"another echo":           message('E', "SFATAL\x00CpEXAMPLE\x00Mno\x00\x00"),
	}
	for name, says := range postgres {
		err := try(t, "postgres://u:pEXAMPLE@"+answerTLS(t, certificate, "S", says)+"/d")
		if err == nil || strings.Contains(err.Error(), "EXAMPLE") || errors.Is(err, keeper.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// answerTLS is a server that first says something in the clear, if it asked for it,
// and then one thing over TLS.
func answerTLS(t *testing.T, certificate tls.Certificate, clear, says string) (address string) {
	t.Helper()
	return serve(t, func(conn net.Conn) {
		defer conn.Close()
		if clear != "" {
			_, _ = io.CopyN(io.Discard, conn, 8)
			_, _ = io.WriteString(conn, clear)
		}
		secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
		_, _ = secure.Read(make([]byte, 1024))
		_, _ = io.WriteString(secure, says)
		_, _ = io.Copy(io.Discard, secure)
	})
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return server.TLS.Certificates[0]
}

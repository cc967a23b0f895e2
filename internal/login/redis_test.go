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
	if err := s.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		url     string
		verdict error  // of the server; nil if it gave none
		says    string // empty for a login
	}{
		"the right one":           {s.URL(), nil, ""},
		"a database that is none": {s.URL() + "/99999", nil, ""}, // the number is a consumer's business
		"a rotated password":      {old, keeper.ErrRefused, "WRONGPASS"},
		"another user":            {strings.Replace(s.URL(), "//:", "//nobody:", 1), keeper.ErrRefused, "WRONGPASS"},
		"a server that is away":   {"rediss://:pEXAMPLE@127.0.0.1:1", nil, "cannot be reached"},
		"a name that is none":     {"rediss://:pEXAMPLE@none.invalid", nil, "cannot be reached"},
		"a server without TLS":    {"rediss://:pEXAMPLE@" + answer(t, "HELLO\r\n"), keeper.ErrNoTLS, "no TLS"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := try(t, tt.url)
			for _, verdict := range []error{keeper.ErrRefused, keeper.ErrNoTLS} {
				if errors.Is(err, verdict) != (tt.verdict == verdict) {
					t.Errorf("got error %v, want %v", err, tt.verdict)
				}
			}
			if (err == nil) != (tt.says == "") {
				t.Fatalf("got error %v, want %q", err, tt.says)
			}
			if err != nil && (!strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "pEXAMPLE")) {
				t.Errorf("got error %v, want %q in it and no password", err, tt.says)
			}
		})
	}
}

func TestWhatARedisAnswersDecides(t *testing.T) {
	t.Parallel()
	certificate := selfSigned(t)
	for name, tt := range map[string]struct {
		says    string
		verdict error // nil if it says nothing of the credential
	}{
		"the password is wrong":            {"-WRONGPASS invalid username-password pair\r\n", keeper.ErrRefused},
		"the user may not":                 {"+OK\r\n-NOPERM this user has no permissions\r\n", keeper.ErrRefused},
		"believed, and still loading":      {"+OK\r\n-LOADING Redis is loading the dataset in memory\r\n", nil},
		"no connection is left":            {"-ERR max number of clients reached\r\n", keeper.ErrFull},
		"believed, and no connection left": {"+OK\r\n-ERR max number of clients reached\r\n", keeper.ErrFull},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := try(t, "rediss://:pEXAMPLE@"+answerTLS(t, certificate, "", tt.says))
			if err == nil {
				t.Fatal("it counts as a login")
			}
			for _, verdict := range []error{keeper.ErrRefused, keeper.ErrFull, keeper.ErrNoTLS} {
				if errors.Is(err, verdict) != (verdict == tt.verdict) {
					t.Errorf("got error %v, want %v", err, tt.verdict)
				}
			}
		})
	}
}

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
		t.Run("a Redis sends "+name, func(t *testing.T) {
			t.Parallel()
			err := try(t, "rediss://:pEXAMPLE@"+answerTLS(t, certificate, "", says))
			if err == nil || strings.Contains(err.Error(), "pEXAMPLE") {
				t.Errorf("got error %v", err)
			}
		})
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
		t.Run("a Postgres sends "+name, func(t *testing.T) {
			t.Parallel()
			err := try(t, "postgres://u:pEXAMPLE@"+answerTLS(t, certificate, "S", says)+"/d")
			if err == nil || strings.Contains(err.Error(), "EXAMPLE") || errors.Is(err, keeper.ErrRefused) {
				t.Errorf("got error %v", err)
			}
		})
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

package login_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/login"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/redistest"
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
		"a rotated password":      {old, reconcile.ErrRefused, "WRONGPASS"},
		"another user":            {strings.Replace(s.URL(), "//:", "//nobody:", 1), reconcile.ErrRefused, "WRONGPASS"},
		"a server that is away":   {"rediss://:pEXAMPLE@127.0.0.1:1", reconcile.ErrUnreachable, "connection refused"},
		"a name that is none":     {"rediss://:pEXAMPLE@none.invalid", reconcile.ErrUnreachable, "its name"},
		"a server without TLS":    {"rediss://:pEXAMPLE@" + answer(t, "HELLO\r\n"), reconcile.ErrNoTLS, "no TLS"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := try(t, tt.url)
			if err == nil && tt.says == "" {
				return
			}
			if says(t, err, tt.verdict); err != nil && (!strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "pEXAMPLE")) {
				t.Errorf("got error %v, want %q in it and no password", err, tt.says)
			}
		})
	}
}

// It is not parallel: a garbage collection would close a connection that a login leaks.
func TestAConnectionWhoseTLSFailsIsClosed(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	left := make(chan struct{})
	address := serve(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HELLO\r\n")
		_, _ = io.Copy(io.Discard, conn)
		close(left)
	})
	says(t, try(t, "rediss://:pEXAMPLE@"+address), reconcile.ErrNoTLS)
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("it is still open")
	}
}

func TestWhatARedisAnswersDecides(t *testing.T) {
	t.Parallel()
	certificate := selfSigned(t)
	for name, tt := range map[string]struct {
		says    string
		verdict error // nil if it says nothing of the credential
	}{
		"the password is wrong":            {"-WRONGPASS invalid username-password pair\r\n", reconcile.ErrRefused},
		"believed, and still loading":      {"+OK\r\n-LOADING Redis is loading the dataset in memory\r\n", nil},
		"the password is wrong, before 6":  {"-ERR invalid password\r\n", reconcile.ErrRefused},
		"there is no password, before 6":   {"-ERR Client sent AUTH, but no password is set\r\n", reconcile.ErrRefused},
		"it takes no user, before 6":       {"-ERR wrong number of arguments for 'auth' command\r\n", reconcile.ErrRefused},
		"it wants a password all the same": {"+OK\r\n-NOAUTH Authentication required.\r\n", reconcile.ErrRefused},
		"it is full":                       {"-ERR max number of clients reached\r\n", reconcile.ErrFull},
		"an error that says nothing of it": {"-ERR EXAMPLE\r\n", nil},
		"it believes everything":           {"+OK\r\n+OK\r\n", nil},
		"a mail server is more polite":     {"+OK EXAMPLE at your service\r\n+OK\r\n", nil},
		"an answer that is no login":       {"+PONG\r\n+PONG\r\n", nil},
		"half an answer":                   {"+OK", nil},
		"the words of a refusal, and none": {"+WRONGPASS EXAMPLE\r\n", nil},
		"a refusal in capitals, before 6":  {"-ERR AUTH EXAMPLE\r\n", reconcile.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tryBriefly(t, "rediss://:pEXAMPLE@"+answerTLS(t, certificate, "", tt.says))
			if says(t, err, tt.verdict); err != nil && strings.Contains(err.Error(), "EXAMPLE") {
				t.Errorf("the error shows what the server says: %v", err)
			}
		})
	}
}

// tryBriefly is try with less patience.
func tryBriefly(t *testing.T, raw string) error {
	t.Helper()
	url, err := connection.Parse(credential.New(raw))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	return login.Client{}.Login(ctx, url, "")
}

func TestARedisUserWithoutTheRightToPingIsLoggedIn(t *testing.T) {
	t.Parallel()
	s := redistest.Run(t)
	text, err := s.AddUser(t.Context(), "app", "~*", "-@all", "+get")
	if err != nil {
		t.Fatal(err)
	}
	if err := try(t, text); err != nil {
		t.Error(err)
	}
	says(t, try(t, strings.Replace(text, ":pEXAMPLE", ":wrongEXAMPLE", 1)), reconcile.ErrRefused)
}

// A full Redis sends nothing over TLS; a TLS proxy in front of it passes its error on.
func TestARealRedisThatIsFull(t *testing.T) {
	t.Parallel()
	s := redistest.Run(t)
	proxy := proxyTLS(t, selfSigned(t), s.DialPlain)
	proxied := strings.Replace(s.URL(), s.URL()[strings.LastIndex(s.URL(), "@")+1:], proxy, 1)
	if err := try(t, proxied); err != nil {
		t.Fatal(err)
	}
	empty, err := s.Fill(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer empty()
	err = try(t, s.URL())
	if says(t, err, nil); err == nil || !strings.Contains(err.Error(), "before TLS") {
		t.Errorf("got error %v", err)
	}
	says(t, try(t, proxied), reconcile.ErrFull)
}

// proxyTLS speaks TLS in front of a server that does not.
func proxyTLS(t *testing.T, certificate tls.Certificate, dial func(context.Context) (net.Conn, error)) (address string) {
	t.Helper()
	return serve(t, func(conn net.Conn) {
		defer conn.Close()
		secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
		server, err := dial(context.Background())
		if err != nil || secure.Handshake() != nil {
			return
		}
		defer server.Close()
		left := make(chan struct{})
		go func() { // reads until the client leaves, or a reset could overtake the server's last words
			defer close(left)
			_, _ = io.Copy(server, secure)
			_ = server.(*net.UnixConn).CloseWrite()
			_, _ = io.Copy(io.Discard, secure)
		}()
		_, _ = io.Copy(secure, server)
		_ = secure.CloseWrite()
		<-left
	})
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
	postgres := map[string]string{
		"a length beyond reason": "E\x3f\xff\xff\xff",
		"an echo for a code":     message('E', "SFATAL\x00C28pEXAMPLE\x00Mno\x00\x00"),
		"another echo":           message('E', "SFATAL\x00CpEXAMPLE\x00Mno\x00\x00"),
	}
	for name, says := range postgres {
		t.Run("a Postgres sends "+name, func(t *testing.T) {
			t.Parallel()
			err := try(t, "postgres://u:pEXAMPLE@"+answerTLS(t, certificate, "S", says)+"/d")
			if err == nil || strings.Contains(err.Error(), "EXAMPLE") || errors.Is(err, reconcile.ErrRefused) {
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

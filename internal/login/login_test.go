package login_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/keeper"
	"keepcurrent.example/internal/login"
	"keepcurrent.example/internal/postgrestest"
)

func TestMain(m *testing.M) {
	postgrestest.ClearEnvironment()
	os.Exit(m.Run())
}

func try(t *testing.T, raw string) error {
	t.Helper()
	url, err := connection.Parse(credential.New(raw))
	if err != nil {
		t.Fatal(err)
	}
	return login.Client{}.Login(t.Context(), url, "")
}

func TestLoginOverTLS(t *testing.T) {
	t.Parallel()
	if err := try(t, postgrestest.Run(t).URL()); err != nil {
		t.Error(err)
	}
}

func TestLoginTellsARefusalFromAnAbsence(t *testing.T) {
	t.Parallel()
	with := func(old, new string) func(*testing.T, *postgrestest.Database) string {
		return func(_ *testing.T, db *postgrestest.Database) string { return strings.Replace(db.URL(), old, new, 1) }
	}
	tests := map[string]struct {
		url     func(*testing.T, *postgrestest.Database) string
		refused bool
		says    string
	}{
		"another password":      {with(":p", ":wrong"), true, "28P01"},
		"another user":          {with("//u", "//nobody"), true, "28P01"},
		"another database":      {with("/d", "/x"), true, "3D000"},
		"a rotated password":    {rotated, true, "28P01"},
		"a server that is away": {away, false, "cannot be reached"},
		"a name that is none":   {with("127.0.0.1", "none.invalid"), false, "cannot be reached"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := postgrestest.Run(t)
			err := try(t, tt.url(t, db))
			if err == nil || errors.Is(err, keeper.ErrRefused) != tt.refused || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("got error %v", err)
			}
			for _, password := range append(db.Passwords(), "wrong") {
				if strings.Contains(err.Error(), password) {
					t.Error("the error shows the password")
				}
			}
		})
	}
}

// rotated is a URL whose password is dead.
func rotated(t *testing.T, db *postgrestest.Database) string {
	t.Helper()
	old := db.URL()
	if err := db.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return old
}

// away is the URL of a server that refuses connections.
func away(t *testing.T, db *postgrestest.Database) string {
	t.Helper()
	if err := db.Refuse(); err != nil {
		t.Fatal(err)
	}
	return db.URL()
}

// It runs alone: a garbage collection would close the connection that a login forgot.
func TestLoginLeavesNoSession(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	db := postgrestest.Run(t)
	for range 10 {
		if err := try(t, db.URL()); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Idle(t.Context()); err != nil {
		t.Error(err)
	}
}

// answer listens on the loopback and answers each connection with the bytes.
func answer(t *testing.T, bytes string) (address string) {
	t.Helper()
	return serve(t, func(conn net.Conn) {
		defer conn.Close()
		_, _ = io.WriteString(conn, bytes)
		_, _ = io.Copy(io.Discard, conn) // until the client leaves
	})
}

// serve listens on the loopback and handles each connection.
func serve(t *testing.T, handle func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go handle(conn)
		}
	}()
	return listener.Addr().String()
}

// An in-dyno database of Heroku CI answers like this.
func TestAServerWithoutTLSIsNoPlaceToSendAPassword(t *testing.T) {
	t.Parallel()
	if err := try(t, "postgres://u:pEXAMPLE@"+answer(t, "N")+"/d?sslmode=disable"); !errors.Is(err, keeper.ErrNoTLS) {
		t.Error(err)
	}
}

func TestASilentServerIsLeftInTime(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a Postgres":                  "postgres://u:pEXAMPLE@" + answer(t, "") + "/d",
		"a Redis, once TLS is spoken": "rediss://:pEXAMPLE@" + answerTLS(t, selfSigned(t), "", ""),
	} {
		url, err := connection.Parse(credential.New(text))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := (login.Client{}).Login(ctx, url, ""); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, keeper.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestACertificateThatNobodyVouchesForIsNotBelievedWhereTheURLAsks(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"verify-ca", "verify-full"} {
		err := try(t, postgrestest.Run(t).URL()+"?sslmode="+mode)
		if err == nil || errors.Is(err, keeper.ErrRefused) {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

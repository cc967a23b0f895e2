package login_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
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

func database(t *testing.T) *postgrestest.Database {
	t.Helper()
	cluster, err := postgrestest.Shared(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db, err := cluster.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
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
	if err := try(t, database(t).URL()); err != nil {
		t.Error(err)
	}
}

func TestLoginTellsARefusalFromAnAbsence(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		url     func(db *postgrestest.Database) string
		refused bool
		says    string
	}{
		"another password": {func(db *postgrestest.Database) string { return strings.Replace(db.URL(), ":p", ":wrong", 1) }, true, "28P01"},
		"another user":     {func(db *postgrestest.Database) string { return strings.Replace(db.URL(), "//u", "//nobody", 1) }, true, "28P01"},
		"another database": {func(db *postgrestest.Database) string { return db.URL() + "x" }, true, "3D000"},
		"a rotated password": {func(db *postgrestest.Database) string {
			old := db.URL()
			if err := db.Rotate(context.Background()); err != nil {
				panic(err)
			}
			return old
		}, true, "28P01"},
		"a server that is away": {func(db *postgrestest.Database) string {
			if err := db.Refuse(); err != nil {
				panic(err)
			}
			return db.URL()
		}, false, "cannot be reached"},
		"a name that is none": {func(*postgrestest.Database) string { return "postgres://u:pEXAMPLE@none.invalid/d" }, false, "cannot be reached"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := database(t)
			err := try(t, tt.url(db))
			if err == nil || errors.Is(err, keeper.ErrRefused) != tt.refused || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("%v", err)
			}
			for _, password := range append(db.Passwords(), "EXAMPLE", "wrong") {
				if strings.Contains(err.Error(), password) {
					t.Errorf("the error shows the password")
				}
			}
		})
	}
}

func TestLoginLeavesNoSession(t *testing.T) {
	t.Parallel()
	db := database(t)
	for range 10 {
		if err := try(t, db.URL()); err != nil {
			t.Fatal(err)
		}
	}
	for n := -1; n != 0; time.Sleep(time.Millisecond) { // until the server has noticed, or the test's time is over
		var err error
		if n, err = db.Sessions(t.Context()); err != nil {
			t.Fatal(err)
		}
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
	url, err := connection.Parse(credential.New("postgres://u:pEXAMPLE@" + answer(t, "") + "/d"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := (login.Client{}).Login(ctx, url, ""); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, keeper.ErrRefused) {
		t.Error(err)
	}
}

func TestVerifyFullRefusesACertificateThatNobodyVouchesFor(t *testing.T) {
	t.Parallel()
	err := try(t, database(t).URL()+"?sslmode=verify-full")
	if err == nil || errors.Is(err, keeper.ErrRefused) {
		t.Errorf("%v", err)
	}
}

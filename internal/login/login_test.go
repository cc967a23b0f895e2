package login_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/login"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/postgrestest"
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
		verdict error
		says    string
	}{
		"another password":        {with(":p", ":wrong"), reconcile.ErrRefused, "28P01"},
		"another user":            {with("//u", "//nobody"), reconcile.ErrRefused, "28P01"},
		"another database":        {with("/d", "/x"), reconcile.ErrRefused, "3D000"},
		"a rotated password":      {rotated, reconcile.ErrRefused, "28P01"},
		"a server that is away":   {away, reconcile.ErrUnreachable, "connection refused"},
		"a name that is none":     {with("127.0.0.1", "none.invalid"), reconcile.ErrUnreachable, "its name"},
		"a role that is full":     {limited((*postgrestest.Database).LimitRole), reconcile.ErrFull, "53300"},
		"a database that is full": {limited((*postgrestest.Database).Limit), reconcile.ErrFull, "53300"},
		"no right to connect":     {forbidden, nil, "42501"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := postgrestest.Run(t)
			err := try(t, tt.url(t, db))
			says(t, err, tt.verdict)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("got error %v, want %q", err, tt.says)
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

// limited is a URL whose role or database may have no session.
func limited(limit func(*postgrestest.Database, context.Context, int) error) func(*testing.T, *postgrestest.Database) string {
	return func(t *testing.T, db *postgrestest.Database) string {
		t.Helper()
		if err := limit(db, t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		return db.URL()
	}
}

// forbidden is the URL of a database that the user may not connect to.
func forbidden(t *testing.T, db *postgrestest.Database) string {
	t.Helper()
	if err := db.Forbid(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db.URL()
}

// The server says so before it checks the password.
func TestAServerThatIsFullSaysNothingOfThePassword(t *testing.T) {
	t.Parallel()
	cluster, _ := postgrestest.RunWith(t, postgrestest.Options{Settings: []string{"max_connections = 2", "superuser_reserved_connections = 0"}})
	db, err := cluster.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for { // the superuser's own session may be there for another moment
		session, err := pgconn.Connect(t.Context(), db.URL()+"?sslmode=require")
		if err != nil {
			break
		}
		defer session.Close(context.WithoutCancel(t.Context()))
	}
	for _, text := range []string{db.URL(), strings.Replace(db.URL(), ":p", ":wrong", 1)} {
		says(t, try(t, text), reconcile.ErrFull)
	}
}

// It is not parallel: a garbage collection would close a connection that a login leaks.
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
	if err := try(t, "postgres://u:pEXAMPLE@"+answer(t, "N")+"/d?sslmode=disable"); !errors.Is(err, reconcile.ErrNoTLS) {
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
		err = login.Client{}.Login(ctx, url, "")
		if says(t, err, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A firewall drops what it does not let through. A server that has accepted the connection
// and says nothing is another matter, and has another remedy.
func TestAServerThatWasNotReachedInTimeIsToldFromOneThatIsSilent(t *testing.T) {
	t.Parallel()
	url, err := connection.Parse(credential.New("postgres://u:pEXAMPLE@db.example/d"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = login.Client{}.Stuck().Login(ctx, url, "")
	if says(t, err, reconcile.ErrUnreachable); err == nil || !strings.Contains(err.Error(), "no connection was made in time") {
		t.Error(err)
	}
}

func TestASelfSignedCertificateIsRefusedIfTheURLAsksForVerification(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"verify-ca", "verify-full"} {
		err := try(t, postgrestest.Run(t).URL()+"?sslmode="+mode)
		if says(t, err, nil); err == nil || !strings.Contains(err.Error(), "certificate could not be verified") {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

// A name can have several addresses, and one of its servers be stuck.
func TestAServerThatSaysNothingLeavesTimeForAnother(t *testing.T) {
	t.Parallel()
	good, err := connection.Parse(credential.New(postgrestest.Run(t).URL()))
	if err != nil {
		t.Fatal(err)
	}
	silent := serve(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	address := net.JoinHostPort(good.Host(), strconv.Itoa(int(good.Port())))
	if err := (login.Client{}).At(silent, address).Login(t.Context(), good, ""); err != nil {
		t.Error(err)
	}
}

// It has an address that answers, so it was reached, whatever comes of the other.
func TestAServerThatIsAwayAtOneOfItsAddressesIsNotUnreachable(t *testing.T) {
	t.Parallel()
	url, err := connection.Parse(credential.New("postgres://u:pEXAMPLE@db.example/d"))
	if err != nil {
		t.Fatal(err)
	}
	silent, away := hang(t), "127.0.0.1:1"
	for name, addresses := range map[string][]string{"the first": {away, silent}, "the last": {silent, away}} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := (login.Client{}).At(addresses...).Login(ctx, url, ""); err == nil || errors.Is(err, reconcile.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnErrorKeepsWhatTheNetworkSaysAndNothingThatAServerCanWrite(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		is   error // nil if none of the standard library's
		says string
	}{
		{fmt.Errorf("EXAMPLE: %w", context.DeadlineExceeded), context.DeadlineExceeded, "it did not answer in time"},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, context.DeadlineExceeded, "it did not answer in time"},
		{&net.DNSError{Err: "EXAMPLE", Name: "h", IsTimeout: true}, context.DeadlineExceeded, "it did not answer in time"},
		{fmt.Errorf("EXAMPLE: %w", context.Canceled), context.Canceled, "canceled"},
		{&net.DNSError{Err: "EXAMPLE", Name: "h", IsNotFound: true}, nil, "its name is not known"},
		{&net.DNSError{Err: "EXAMPLE", Name: "h"}, nil, "its name could not be looked up"},
		{fmt.Errorf("EXAMPLE: %w", &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}), syscall.ECONNREFUSED, "connection refused"},
		{errors.New("EXAMPLE"), nil, "it broke the connection off"},
		{io.EOF, nil, "it broke the connection off"},
	} {
		err := login.Plain(tt.err)
		if tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "EXAMPLE") {
			t.Errorf("%v becomes %v, want %q", tt.err, err, tt.says)
		}
	}
}

// The server of the first connection must be left before there is a second one.
func TestALoginThatHangsIsTriedOnceMore(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		faults []postgrestest.Fault // of the first connections
		opened int
		logsIn bool
		least  time.Duration // that it takes; a kernel sends a lost packet again after a second
		most   time.Duration
	}{
		"silence, once":   {[]postgrestest.Fault{postgrestest.Hang}, 2, true, time.Second, login.Timeout - time.Second},
		"silence, always": {[]postgrestest.Fault{postgrestest.Hang, postgrestest.Hang, postgrestest.Hang}, 2, false, login.Timeout, 2 * login.Timeout},
		"a reset":         {[]postgrestest.Fault{postgrestest.Reset}, 1, false, 0, 2 * login.Timeout}, // an answer, which the verdict judges
		"a refusal":       {[]postgrestest.Fault{postgrestest.Answer("28P01")}, 1, false, 0, 2 * login.Timeout},
		"57P03":           {[]postgrestest.Fault{postgrestest.Answer("57P03")}, 1, false, 0, 2 * login.Timeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := postgrestest.Run(t)
			opened := 0 // Intercept runs for one connection at a time
			left := make(chan struct{}, 3)
			db.Intercept(func() postgrestest.Fault {
				if opened++; opened > 1 {
					<-left
				}
				if opened > len(test.faults) {
					return nil
				}
				fault := test.faults[opened-1]
				return func(client net.Conn, serve func(net.Conn)) {
					fault(client, serve)
					left <- struct{}{}
				}
			})
			began := time.Now()
			err := try(t, db.URL())
			took := time.Since(began)
			db.Intercept(nil)
			if (err == nil) != test.logsIn || opened != test.opened {
				t.Errorf("%d connections, error %v", opened, err)
			}
			if took < test.least || took > test.most {
				t.Errorf("it took %v, want %v to %v", took, test.least, test.most)
			}
		})
	}
}

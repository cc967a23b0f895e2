package login_test

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"

	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/postgrestest"
)

// classes are those of the appendix of error codes
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
var classes = strings.Fields("00 01 02 03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 57 58 72 F0 HV P0 XX")

func TestEveryClassOfSQLSTATEDecides(t *testing.T) {
	t.Parallel()
	want := map[string]error{ // every other code says nothing of the credential; 08P01 says it in words
		"28000": reconcile.ErrRefused, // no line of pg_hba.conf, no such role, no right to log in
		"28P01": reconcile.ErrRefused, // wrong password
		"3D000": reconcile.ErrRefused, // no such database
		"53300": reconcile.ErrFull,
	}
	codes := strings.Fields("28P01 08P01 08001 08003 08004 08006 22023 3D001 42501 42704 53100 53200 53300 53400 55000 55006 57014 57P01 57P02 57P03 57P04 57P05 58030 0A000 XX001 XX002")
	for _, class := range classes {
		codes = append(codes, class+"000")
	}
	db := postgrestest.Run(t)
	for _, code := range codes {
		t.Run(code, func(t *testing.T) {
			db.Intercept(func() postgrestest.Fault { return postgrestest.Answer(code) })
			err := try(t, db.URL())
			says(t, err, want[code])
			if err == nil || !strings.Contains(err.Error(), code) {
				t.Errorf("the error does not show the code: %v", err)
			}
		})
	}
}

func TestPgBouncersOwnAnswers(t *testing.T) {
	t.Parallel()
	db := postgrestest.Run(t)
	for message, verdict := range map[string]error{
		"SASL authentication failed":                                          reconcile.ErrRefused,
		"password authentication failed":                                      reconcile.ErrRefused,
		"no such user":                                                        reconcile.ErrRefused,
		"no such database: d":                                                 reconcile.ErrRefused,
		"no more connections allowed (max_client_conn)":                       reconcile.ErrFull,
		"client connections exceeded (max_db_client_connections)":             reconcile.ErrFull,
		"client connections exceeded (max_user_client_connections)":           reconcile.ErrFull,
		"bouncer resources exhaustion":                                        reconcile.ErrFull,
		"server login has been failing, cached error: x (server_login_retry)": nil,
		"pooler is shutting down":                                             nil,
		"server shutting down":                                                nil,
		"pgbouncer cannot connect to server":                                  nil,
		"the database system is starting up":                                  nil,
		"sorry, too many clients already":                                     reconcile.ErrFull,
		"query_wait_timeout":                                                  nil,
		"client_login_timeout (server down)":                                  nil,
		"unsupported startup parameter: pEXAMPLE":                             nil,
		`database "d" is disabled`:                                            nil,
	} {
		db.Intercept(func() postgrestest.Fault { return postgrestest.Say("08P01", message) })
		err := try(t, db.URL())
		if says(t, err, verdict); t.Failed() || strings.Contains(err.Error(), "EXAMPLE") {
			t.Fatalf("%s: %v", message, err)
		}
	}
}

func TestARealPgBouncerAnswers(t *testing.T) {
	t.Parallel()
	db := postgrestest.Run(t)
	pooled := postgrestest.RunPooler(t, db)
	with := func(change func(*url.URL)) string {
		u, err := url.Parse(pooled)
		if err != nil {
			t.Fatal(err)
		}
		change(u)
		return u.String()
	}
	if err := try(t, pooled); err != nil {
		t.Error(err)
	}
	if err := try(t, pooled+"?application_name=shop&client_encoding=UTF8"); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"wrong password":   with(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "pEXAMPLE") }),
		"no such user":     with(func(u *url.URL) { u.User = url.UserPassword("nobody", "pEXAMPLE") }),
		"no such database": with(func(u *url.URL) { u.Path = "/nosuch" }),
	} {
		t.Run(name, func(t *testing.T) {
			err := try(t, text)
			if says(t, err, reconcile.ErrRefused); err == nil || !strings.Contains(err.Error(), "08P01") {
				t.Errorf("got error %v", err)
			}
		})
	}
	err := try(t, pooled+"?statement_timeout=5000")
	if says(t, err, nil); err == nil || !strings.Contains(err.Error(), "parameter statement_timeout is refused") {
		t.Errorf("a parameter that it does not know: %v", err)
	}
}

func TestARealPgBouncerThatIsFull(t *testing.T) {
	t.Parallel()
	pooled := postgrestest.RunPooler(t, postgrestest.Run(t), "max_client_conn = 0")
	err := try(t, pooled)
	if says(t, err, reconcile.ErrFull); err == nil || !strings.Contains(err.Error(), "08P01") {
		t.Errorf("got error %v", err)
	}
}

// A PgBouncer of before version 1.20 passes on what its server says, with 08P01.
func TestARealPgBouncerWhoseServerIsFull(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]func(*postgrestest.Database) error{
		"the database": func(db *postgrestest.Database) error { return db.Limit(t.Context(), 0) },
		"the role":     func(db *postgrestest.Database) error { return db.LimitRole(t.Context(), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			db := postgrestest.Run(t)
			pooled := postgrestest.RunPooler(t, db)
			if err := limit(db); err != nil {
				t.Fatal(err)
			}
			if err := try(t, pooled); err == nil || strings.Contains(err.Error(), reconcile.ErrRefused.Error()) {
				t.Errorf("got error %v", err)
			}
		})
	}
}

// Once a TCP connection is open, everything counts as an answer.
func TestOnlyASilentNetworkIsUnreachable(t *testing.T) {
	t.Parallel()
	cluster, _ := postgrestest.RunWith(t, postgrestest.Options{Method: "password"})
	clear, err := cluster.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fault := func(f postgrestest.Fault) func(*testing.T) string {
		return func(t *testing.T) string {
			db := postgrestest.Run(t)
			db.Intercept(func() postgrestest.Fault { return f })
			return db.URL()
		}
	}
	of := map[string]func(*testing.T) string{
		"no TCP connection (refused, time-out, no such host)": func(t *testing.T) string { return away(t, postgrestest.Run(t)) },
		"TCP, then closed before TLS (a full Redis does this)": func(t *testing.T) string {
			return "rediss://:pEXAMPLE@" + serve(t, func(conn net.Conn) { conn.Close() })
		},
		"TCP, then silence":                   func(t *testing.T) string { return "postgres://u:pEXAMPLE@" + hang(t) + "/d" },
		"TLS, certificate not verifiable":     func(t *testing.T) string { return postgrestest.Run(t).URL() + "?sslmode=verify-full" },
		"asks for the password in clear text": func(*testing.T) string { return clear.URL() },
		"speaks no TLS":                       func(t *testing.T) string { return "postgres://u:pEXAMPLE@" + answer(t, "N") + "/d" },
	}
	for _, tt := range vectors[struct{ Answer, B, C string }](t, "answers-of-a-candidate.json") {
		t.Run(tt.Answer, func(t *testing.T) {
			t.Parallel()
			text, known := of[tt.Answer]
			var code string
			if _, err := fmt.Sscanf(tt.Answer, "SQLSTATE %s", &code); err == nil {
				text, known = fault(postgrestest.Answer(code)), true
			}
			if !known {
				t.Fatal("no test server gives this answer")
			}
			err := try(t, text(t))
			for verdict, want := range map[error]bool{reconcile.ErrUnreachable: tt.C == "published", reconcile.ErrNoTLS: tt.B == "held"} {
				if err == nil || (strings.Contains(err.Error(), verdict.Error())) != want {
					t.Errorf("got error %v; %v: want %t", err, verdict, want)
				}
			}
		})
	}
	for name, f := range map[string]postgrestest.Fault{"a reset": postgrestest.Reset, "the end": func(net.Conn, func(net.Conn)) {}} {
		if err := try(t, fault(f)(t)); err == nil || strings.Contains(err.Error(), reconcile.ErrUnreachable.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// hang is the address of a server that never sends anything.
func hang(t *testing.T) string {
	t.Helper()
	return serve(t, func(conn net.Conn) { postgrestest.Hang(conn, nil) })
}

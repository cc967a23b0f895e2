package login_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/login"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/postgrestest"
)

// message is one of a Postgres.
func message(kind byte, body string) string {
	return string(kind) + string(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))) + body
}

// authentication is a message that says how to prove who one is, or that one has.
func authentication(kind uint32, body string) string {
	return message('R', string(binary.BigEndian.AppendUint32(nil, kind))+body)
}

var (
	authenticated = authentication(0, "") + message('Z', "I")
	scram         = authentication(10, "SCRAM-SHA-256\x00\x00")
)

// impostor is the address of a server that opens TLS as a Postgres does, and then runs
// the given function.
func impostor(t *testing.T, talk func(conn *tls.Conn)) (address string) {
	t.Helper()
	certificate := selfSigned(t)
	return serve(t, func(conn net.Conn) {
		defer conn.Close()
		if _, err := io.CopyN(io.Discard, conn, 8); err != nil {
			return
		}
		_, _ = io.WriteString(conn, "S")
		secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
		_, _ = secure.Read(make([]byte, 16<<10)) // the start-up message
		talk(secure)
		_ = secure.CloseWrite()
		_, _ = io.Copy(io.Discard, secure)
	})
}

// It is not parallel, because it measures allocations.
func TestAServerThatNeverEndsIsLeftInTimeAndSpace(t *testing.T) {
	for name, next := range map[string]func(n int) string{
		"parameters":         func(n int) string { return message('S', fmt.Sprint("name", n)+"\x00"+strings.Repeat("x", 100)+"\x00") },
		"notices":            func(n int) string { return message('N', "SNOTICE\x00C00000\x00M"+strings.Repeat("x", 1000)+"\x00\x00") },
		"logins":             func(n int) string { return authentication(0, "") },
		"digests":            func(n int) string { return authentication(5, "salt") },
		"keys":               func(n int) string { return message('K', "12345678") },
		"notifications":      func(n int) string { return message('A', "1234channel\x00"+strings.Repeat("x", 1000)+"\x00") },
		"versions":           func(n int) string { return message('v', "\x00\x03\x00\x00\x00\x00\x00\x00") },
		"messages of 60 KiB": func(n int) string { return message('S', "a\x00"+strings.Repeat("x", 60<<10)+"\x00") },
		"one of 2 GiB":       func(n int) string { return "S\x7f\xff\xff\xff" + strings.Repeat("x", 1000) },
		"rows after a login": func(n int) string {
			if n == 0 {
				return authenticated
			}
			return message('D', "\x00\x01\x00\x00\x00\x04abcd")
		},
	} {
		t.Run(name, func(t *testing.T) {
			address := impostor(t, func(conn *tls.Conn) {
				for n := 0; ; n++ {
					if _, err := io.WriteString(conn, next(n)); err != nil {
						return
					}
				}
			})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			err := try(t, "postgres://u:pEXAMPLE@"+address+"/d?target_session_attrs=primary")
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if says(t, err, nil); took > login.Timeout/2 {
				t.Errorf("it took %v: %v", took, err)
			}
			// Most of it is the server's own, which goes on until the connection's buffers are full.
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 32<<20 {
				t.Errorf("%d KiB were allocated", allocated>>10)
			}
		})
	}
}

// It ends before TLS does, which has bounds of its own.
func TestAServerThatNeverEndsIsLeftAlsoWithoutTLS(t *testing.T) {
	t.Parallel()
	address := serve(t, func(conn net.Conn) {
		defer conn.Close()
		for {
			if _, err := conn.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	url, err := connection.Parse(credential.New("postgres://u:pEXAMPLE@" + address + "/d"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := login.ReadAll(t.Context(), url)
	if says(t, err, nil); n > login.MaxRaw || !strings.Contains(err.Error(), "more than a login needs") {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// What passes is pgx's to judge.
func TestWhichMessagesReachPgx(t *testing.T) {
	t.Parallel()
	const enough = 1 << 20
	challenge := func(length int, count string) string {
		text := ",s=c2FsdA==,i=" + count
		return authentication(11, "r="+strings.Repeat("x", length-4-len("r="+text))+text)
	}
	notice := message('N', strings.Repeat("x", 995)) // 1,000 bytes
	computing := fmt.Sprint(login.MaxIterations + 1)
	for name, tt := range map[string]struct {
		sent string
		left int
		want string // in the error; "" if all passes
	}{
		"nothing":                               {"", enough, ""},
		"messages of every length":              {message('N', "") + message('N', "x") + notice + notice, enough, ""},
		"a length that is none":                 {"N\x00\x00\x00\x03" + notice, enough, "what no such server does"},
		"no length":                             {"N\x00\x00\x00\x00" + notice, enough, "what no such server does"},
		"half a head":                           {"N\x00\x00", enough, "EOF"},
		"half a message":                        {notice[:500], enough, "EOF"},
		"as much as is left":                    {notice + notice, 2000, ""},
		"a byte more than is left":              {notice + notice, 1999, "more than a login needs"},
		"the largest length":                    {"N\xff\xff\xff\xff", enough, "more than a login needs"},
		"logged in":                             {authenticated, enough, ""},
		"a digest":                              {authentication(5, "salt"), enough, ""},
		"a number that is cut":                  {message('R', "\x00\x00\x03"), enough, ""},
		"clear text":                            {authentication(3, ""), enough, "in clear text"},
		"the number of clear text in a notice":  {message('N', "\x00\x00\x00\x03"), enough, ""},
		"a challenge":                           {challenge(100, "4096"), enough, ""},
		"as long as may be":                     {challenge(login.MaxChallenge, "4096"), enough, ""},
		"a byte longer":                         {challenge(login.MaxChallenge+1, "4096"), enough, "more computing"},
		"as many rounds as may be":              {challenge(100, fmt.Sprint(login.MaxIterations)), enough, ""},
		"a round more":                          {challenge(100, computing), enough, "more computing"},
		"two challenges":                        {challenge(100, "4096") + challenge(100, "4096"), enough, "more computing"},
		"a challenge without a count":           {authentication(11, "r=x,s=c2FsdA=="), enough, ""},
		"a challenge whose count is no number":  {challenge(100, "x"), enough, ""},
		"rounds before a salt, where pgx looks": {authentication(11, "r=x,s=x,"+computing), enough, "more computing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			passed, err := login.Guard(tt.sent, tt.left)
			if tt.want == "" && (err != nil || string(passed) != tt.sent) {
				t.Errorf("%d of %d bytes pass: %v", len(passed), len(tt.sent), err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got error %v, want %q", err, tt.want)
			}
		})
	}
}

// challenge is what a server asks for after the client's first message of SCRAM.
func challenge(t *testing.T, conn *tls.Conn, iterations int) error {
	t.Helper()
	first := make([]byte, 1024)
	n, err := conn.Read(first)
	if err != nil {
		return err
	}
	_, nonce, _ := bytes.Cut(first[:n], []byte("r="))
	_, err = io.WriteString(conn, authentication(11, fmt.Sprintf("r=%sx,s=c2FsdA==,i=%d", nonce, iterations)))
	return err
}

func TestAServerCannotMakeUsCompute(t *testing.T) {
	t.Parallel()
	for name, talk := range map[string]func(*tls.Conn){
		"ten million rounds": func(conn *tls.Conn) {
			_, _ = io.WriteString(conn, scram)
			_ = challenge(t, conn, 10_000_000)
		},
		"again and again": func(conn *tls.Conn) {
			for range 1000 {
				if _, err := io.WriteString(conn, scram); err != nil || challenge(t, conn, 10_000) != nil {
					return
				}
				_, _ = conn.Read(make([]byte, 1024)) // the proof
				// The client must end SCRAM after anything but a signature, also after another challenge.
			}
		},
		"a long text": func(conn *tls.Conn) {
			_, _ = io.WriteString(conn, scram)
			_, _ = io.WriteString(conn, authentication(11, "r="+strings.Repeat("x", 60<<10)+",s=c2FsdA==,i=1"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			err := try(t, "postgres://u:pEXAMPLE@"+impostor(t, talk)+"/d")
			if says(t, err, nil); time.Since(start) > login.Timeout/2 || strings.Contains(err.Error(), "EXAMPLE") {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
		})
	}
}

func TestAPasswordIsNeverSentInClearText(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var heard []byte
	address := impostor(t, func(conn *tls.Conn) {
		_, _ = io.WriteString(conn, authentication(3, ""))
		said, _ := io.ReadAll(conn)
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, said...)
	})
	for _, query := range []string{"", "?require_auth=password%2Cmd5", "?require_auth=!md5", "?channel_binding=disable"} {
		err := try(t, "postgres://u:pEXAMPLE@"+address+"/d"+query)
		if says(t, err, nil); err == nil || !strings.Contains(err.Error(), "in clear text, which is never sent") {
			t.Errorf("%s: %v", query, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if bytes.Contains(heard, []byte("EXAMPLE")) {
		t.Error("the server has the password")
	}
}

// A digest is not clear text.
func TestAServerMayAskForADigest(t *testing.T) {
	t.Parallel()
	cluster, _ := postgrestest.RunWith(t, postgrestest.Options{Method: "md5", Settings: []string{"password_encryption = md5"}})
	db, err := cluster.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := try(t, db.URL()); err != nil {
		t.Error(err)
	}
	says(t, try(t, strings.Replace(db.URL(), ":p", ":wrong", 1)), reconcile.ErrRefused)
}

func TestAServerThatTricklesIsLeftInTime(t *testing.T) {
	t.Parallel()
	address := impostor(t, func(conn *tls.Conn) {
		for {
			if _, err := io.WriteString(conn, message('S', "a\x00b\x00")); err != nil {
				return
			}
			time.Sleep(time.Millisecond) // what a trickle is
		}
	})
	start := time.Now()
	err := tryBriefly(t, "postgres://u:pEXAMPLE@"+address+"/d")
	if says(t, err, nil); !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), "more than a login needs") || time.Since(start) > 2*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

// Its answer to a query is not what pgx expects.
func TestAServerWithoutRowsIsNoLogin(t *testing.T) {
	t.Parallel()
	address := impostor(t, func(conn *tls.Conn) {
		_, _ = io.WriteString(conn, authenticated)
		_, _ = conn.Read(make([]byte, 1024))
		_, _ = io.WriteString(conn, message('Z', "I"))
	})
	says(t, try(t, "postgres://u:pEXAMPLE@"+address+"/d?target_session_attrs=primary"), nil)
}

// A parameter is blamed only if the server was reached and an answer came.
func TestAParameterMayBeTheReasonForAnAnswer(t *testing.T) {
	t.Parallel()
	breaksOff := impostor(t, func(*tls.Conn) {})
	for name, tt := range map[string]struct {
		address, query string
		verdict        error
		blamed         bool
	}{
		"it breaks off":                     {breaksOff, "channel_binding=require", nil, true},
		"it breaks off, and asked was less": {breaksOff, "channel_binding=prefer", nil, false},
		"it is away":                        {"127.0.0.1:1", "channel_binding=require", reconcile.ErrUnreachable, false},
		"it is silent":                      {hang(t), "channel_binding=require", nil, false},
	} {
		err := tryBriefly(t, "postgres://u:pEXAMPLE@"+tt.address+"/d?"+tt.query)
		says(t, err, tt.verdict)
		var parameter *connection.ParameterError
		if errors.As(err, &parameter) != tt.blamed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A server may choose its certificate by the name, or be behind a proxy that wants a protocol.
func TestWhatTheStartOfTLSSays(t *testing.T) {
	t.Parallel()
	certificate := selfSigned(t)
	for query, want := range map[string]struct{ name, protocols string }{
		"":                      {"db.example", "[]"},
		"sslsni=1":              {"db.example", "[]"},
		"sslsni=0":              {"", "[]"},
		"sslnegotiation=direct": {"db.example", "[postgresql]"},
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			heard := make(chan *tls.ClientHelloInfo, 1)
			address := serve(t, func(conn net.Conn) {
				defer conn.Close()
				if !strings.Contains(query, "direct") {
					_, _ = io.CopyN(io.Discard, conn, 8)
					_, _ = io.WriteString(conn, "S")
				}
				_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}, GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
					heard <- hello
					return nil, nil
				}}).Handshake()
			})
			url, err := connection.Parse(credential.New("postgres://u:pEXAMPLE@db.example/d?" + query))
			if err != nil {
				t.Fatal(err)
			}
			says(t, login.Client{}.At(address).Login(t.Context(), url, ""), nil)
			select {
			case hello := <-heard:
				if hello.ServerName != want.name || fmt.Sprint(hello.SupportedProtos) != want.protocols {
					t.Errorf("it asks for %q, and speaks %v", hello.ServerName, hello.SupportedProtos)
				}
			default:
				t.Error("there was no TLS")
			}
		})
	}
}

// It cannot start a process.
func TestAnErrorBeforeTLSIsAnAnswer(t *testing.T) {
	t.Parallel()
	says(t, try(t, "postgres://u:pEXAMPLE@"+answer(t, "Ecould not fork new process for connection\n\x00")+"/d"), nil)
	says(t, try(t, "postgres://u:pEXAMPLE@"+answer(t, "HTTP/1.1 400 Bad Request\r\n\r\n")+"/d"), reconcile.ErrNoTLS)
}

// It is not parallel, because it uses all logins that are allowed at a time.
func TestLoginsThatAreUnderWayAreBounded(t *testing.T) {
	hanging, err := connection.Parse(credential.New("postgres://u:pEXAMPLE@" + hang(t) + "/d"))
	if err != nil {
		t.Fatal(err)
	}
	const slots = 64
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range slots {
		waiting.Go(func() { _ = login.Client{}.Login(ctx, hanging, "") })
	}
	for login.UnderWay() < slots {
		runtime.Gosched()
	}
	soon, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	says(t, login.Client{}.Login(soon, hanging, ""), reconcile.ErrUntried)
	cancel()
	waiting.Wait()
}

// It is not parallel, because it counts the logins that are under way.
func TestALoginThatOutlivesItsTimeIsUnderWayUntilItEnds(t *testing.T) {
	url, err := connection.Parse(credential.New("postgres://u:pEXAMPLE@db.example/d"))
	if err != nil {
		t.Fatal(err)
	}
	for login.UnderWay() > 0 { // those of earlier tests
		runtime.Gosched()
	}
	release := make(chan struct{})
	soon, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	says(t, login.Client{}.Deaf(release).Login(soon, url, ""), reconcile.ErrUnreachable)
	if n := login.UnderWay(); n != 1 {
		t.Errorf("%d logins are under way, want 1", n)
	}
	close(release)
	for deadline := time.Now().Add(10 * time.Second); login.UnderWay() > 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("it keeps its place after its end")
		}
	}
}

// A login that is computing does not notice the end of its context, so its caller returns
// without it.
func TestALoginThatOutlivesItsTimeIsLeft(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	address := serve(t, func(conn net.Conn) {
		postgrestest.Hang(conn, nil)
		close(left)
	})
	url, err := connection.Parse(credential.New("postgres://u:pEXAMPLE@" + address + "/d"))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	err = login.Overtime(t.Context(), url)
	if says(t, err, nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("its connection is still open")
	}
}

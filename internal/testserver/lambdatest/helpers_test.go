package lambdatest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// echo is the path of the compiled testdata/echo.
var echo string

// Variables that make this test binary run a function and wait to be killed.
const (
	victimBootstrap = "LAMBDATEST_VICTIM_BOOTSTRAP"
	victimHold      = "LAMBDATEST_VICTIM_HOLD"
)

func TestMain(m *testing.M) {
	if bootstrap := os.Getenv(victimBootstrap); bootstrap != "" {
		beVictim(bootstrap)
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lambdatest-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if echo, err = Build(context.Background(), dir, "./testdata/echo"); err != nil {
		panic(err)
	}
	return m.Run()
}

func beVictim(bootstrap string) {
	f, err := Start(Config{Bootstrap: bootstrap, Timeout: time.Minute, Concurrency: 1, Env: []string{"HOLD=" + os.Getenv(victimHold)}})
	if err == nil {
		_, err = f.Invoke(context.Background(), deed("echo", ""))
	}
	fmt.Println(err)
	io.Copy(io.Discard, os.Stdin)
}

// start starts echo, with one process and a minute for each invocation unless the
// test says otherwise.
func start(t *testing.T, config Config) *Function {
	t.Helper()
	config.Bootstrap = cmp.Or(config.Bootstrap, echo)
	config.Timeout = cmp.Or(config.Timeout, time.Minute)
	config.Concurrency = cmp.Or(config.Concurrency, 1)
	f, err := Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func deed(do, text string) []byte {
	payload, err := json.Marshal(map[string]string{"do": do, "text": text})
	if err != nil {
		panic(err)
	}
	return payload
}

func wantEcho(t *testing.T, f *Function, text string) {
	t.Helper()
	got, err := f.Invoke(t.Context(), deed("echo", text))
	if err != nil || string(got) != `"`+text+`"` {
		t.Fatalf("got %s, error %v, want %q", got, err, text)
	}
}

func wantStarts(t *testing.T, f *Function, want int) {
	t.Helper()
	if got := f.Starts(); got != want {
		t.Errorf("%d cold starts, want %d", got, want)
	}
}

func listen(t *testing.T) (*net.TCPListener, string) {
	t.Helper()
	door, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	return door, door.Addr().String()
}

// accept waits for a connection, and gives it and itself a minute.
func accept(t *testing.T, door *net.TCPListener) net.Conn {
	t.Helper()
	limit := time.Now().Add(time.Minute)
	door.SetDeadline(limit)
	conn, err := door.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(limit)
	t.Cleanup(func() { conn.Close() })
	return conn
}

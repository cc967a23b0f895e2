package redistest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// victim makes this test binary start a server and wait to be killed.
const victim = "REDISTEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victim) == "" {
		os.Exit(m.Run())
	}
	s, err := start(context.Background())
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println(s.dir)
	io.Copy(io.Discard, os.Stdin)
}

// login uses a URL as a consumer does, certificate aside.
func login(t *testing.T, url string) (redis.Conn, error) {
	t.Helper()
	conn, err := redis.DialURLContext(t.Context(), url, redis.DialTLSSkipVerify(true))
	if err == nil {
		t.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

func TestARotationKillsTheOldPasswordAndItsConnections(t *testing.T) {
	t.Parallel()
	s := Run(t)
	before := s.URL()
	old, err := login(t, before)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Do("PING"); err == nil {
		t.Error("a connection outlives its password")
	}
	if _, err := login(t, before); err == nil {
		t.Error("the old password is good")
	}
	if _, err := login(t, s.URL()); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

// Over TLS it drops the connection and says nothing; without, it says why.
func TestAFullServer(t *testing.T) {
	t.Parallel()
	s := Run(t)
	empty, err := s.Fill(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := login(t, s.URL()); err == nil {
		t.Error("another client gets a connection")
	}
	conn, err := s.DialPlain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if text, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(text), "-ERR max number of clients") {
		t.Errorf("it says %q, %v", text, err)
	}
	if err := empty(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) { // until the server notices
		if _, err := login(t, s.URL()); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestNothingIsLeftWhenTheTestEnds(t *testing.T) {
	t.Parallel()
	var s *Server
	t.Run("test", func(t *testing.T) { s = Run(t) })
	if s == nil {
		t.SkipNow()
	}
	if _, err := login(t, s.URL()); err == nil {
		t.Error("the server still answers")
	}
	if !missing(s.dir) {
		t.Error("the directory is still there")
	}
}

func TestNothingIsLeftOfAKilledProcess(t *testing.T) {
	t.Parallel()
	Run(t) // or skip
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), victim+"=1")
	stdin, err := child.StdinPipe() // held open: the child waits at it
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	dir, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || strings.HasPrefix(dir, "failed:") {
		t.Fatalf("%s%v", dir, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	// The guardian removes the directory when the server has ended.
	for deadline := time.Now().Add(20 * time.Second); !missing(strings.TrimSpace(dir)); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the directory is still there")
		}
	}
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	t.Parallel()
	s := Run(t)
	second := &Server{dir: t.TempDir(), port: s.port, password: newPassword(), done: make(chan struct{})}
	if err := second.run(); err != nil {
		t.Fatal(err)
	}
	if err := second.await(t.Context()); err == nil || !strings.Contains(err.Error(), "Address already in use") {
		t.Errorf("got error %v, want one with the server's words", err)
	}
	if err := second.close(); err != nil {
		t.Error(err)
	}
}

package redistest_test

import (
	"crypto/tls"
	"errors"
	"os"
	"testing"

	"github.com/gomodule/redigo/redis"

	"keepcurrent.example/internal/redistest"
)

func TestARotationKillsTheOldPasswordAndItsConnections(t *testing.T) {
	t.Parallel()
	s, err := redistest.Start(t.Context()) // closed in the middle of the test
	if errors.Is(err, redistest.ErrNotInstalled) && os.Getenv("KEEPCURRENT_REQUIRE_TOOLS") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	skip := redis.DialTLSConfig(&tls.Config{InsecureSkipVerify: true})
	before := s.URL()
	old, err := redis.DialURLContext(t.Context(), before, skip)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := s.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Do("PING"); err == nil {
		t.Error("a connection outlives its password")
	}
	if conn, err := redis.DialURLContext(t.Context(), before, skip); err == nil {
		conn.Close()
		t.Error("the old password is good")
	}
	conn, err := redis.DialURLContext(t.Context(), s.URL(), skip)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if conn, err := redis.DialURLContext(t.Context(), s.URL(), skip); err == nil {
		conn.Close()
		t.Error("a closed server answers")
	}
}

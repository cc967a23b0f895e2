// Package redistest runs a real redis-server with TLS on the loopback interface, as
// a Heroku Key-Value Store is to its clients: a self-signed certificate, a password
// and no user name (https://devcenter.heroku.com/articles/connecting-heroku-redis).
// [Run] gives a test its own server, which ends with the process, however that ends.
package redistest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"

	"keepcurrent.example/internal/testserver/certificate"
	"keepcurrent.example/internal/testserver/loopback"
)

// Server is a running redis-server. One goroutine at a time may use it.
type Server struct {
	dir      string
	port     int
	password string
	pipe     io.Closer // the server ends with it, and so with this process
	log      bytes.Buffer
	done     chan struct{} // closed when the server has ended; only then is log read
}

// guardianScript runs the server until the script's standard input or the server ends,
// and then removes the directory. A program in the background of a shell has no standard
// input, so the script uses another descriptor. When this process is dead, nothing reads
// the script's output; a failed write must not end the script.
const guardianScript = `
trap '' PIPE
exec 3<&0 </dev/null
redis-server "$1/redis.conf" 3<&- &
server=$!
{ cat <&3; kill "$server"; } >/dev/null 2>&1 &
watcher=$!
wait "$server"
kill "$watcher" 2>/dev/null
rm -rf "$1"
`

var errNotInstalled = errors.New("no redis-server is installed (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis)")

// start starts a server with no data.
func start(ctx context.Context) (*Server, error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, errNotInstalled
	}
	const tries = 5 // another process may take the port before the server has it
	for try := 1; ; try++ {
		s, err := startOnce(ctx)
		if err == nil {
			return s, nil
		}
		if try == tries || ctx.Err() != nil {
			return nil, fmt.Errorf("redistest: start a server: %w", err)
		}
	}
}

func startOnce(ctx context.Context) (*Server, error) {
	port, err := loopback.FreePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "redistest-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, port: port, password: newPassword(), done: make(chan struct{})}
	if err := s.run(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.await(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// configure writes the files that the server is to find in its directory.
func (s *Server) configure() error {
	cert, err := certificate.SelfSigned()
	if err != nil {
		return err
	}
	text := fmt.Sprintf("bind 127.0.0.1\nport 0\ntls-port %d\ntls-cert-file cert.pem\ntls-key-file key.pem\n"+
		"tls-ca-cert-file cert.pem\ntls-auth-clients no\nrequirepass %s\nsave \"\"\nappendonly no\n"+
		"unixsocket %s\n", s.port, s.password, s.socket())
	for name, text := range map[string][]byte{"cert.pem": cert.Cert, "key.pem": cert.Key, "redis.conf": []byte(text)} {
		err = errors.Join(err, os.WriteFile(filepath.Join(s.dir, name), text, 0o600))
	}
	return err
}

// run starts the guardian, which starts the server.
func (s *Server) run() error {
	if err := s.configure(); err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", "-c", guardianScript, "guardian", s.dir)
	cmd.Dir = s.dir
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	// A session of its own: an interrupt from the keyboard is for us alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var err error
	if s.pipe, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(s.done)
		_ = cmd.Wait() // the log says how it ended
	}()
	return nil
}

// await waits until the server answers.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := s.dial(ctx)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-again.C:
		case <-s.done:
			return fmt.Errorf("it ended: %s", &s.log)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		}
	}
}

// dial logs in without verifying the server's certificate.
func (s *Server) dial(ctx context.Context) (redis.Conn, error) {
	return redis.DialURLContext(ctx, s.URL(), redis.DialTLSSkipVerify(true))
}

// URL returns the address as Heroku writes it into REDIS_URL.
func (s *Server) URL() string {
	return "rediss://:" + s.password + "@127.0.0.1:" + strconv.Itoa(s.port)
}

func (s *Server) socket() string { return filepath.Join(s.dir, "redis.sock") }

// DialPlain connects without TLS, as a proxy does that speaks TLS in the server's place.
func (s *Server) DialPlain(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", s.socket())
}

// Fill limits the server to one connection and occupies it until empty is called
// (https://redis.io/docs/latest/develop/reference/clients/#maximum-concurrent-connected-clients).
func (s *Server) Fill(ctx context.Context) (empty func() error, err error) {
	conn, err := s.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("redistest: log in to take a connection: %w", err)
	}
	if _, err := redis.DoContext(conn, ctx, "CONFIG", "SET", "maxclients", "1"); err != nil {
		return nil, fmt.Errorf("redistest: allow one connection: %w", errors.Join(err, conn.Close()))
	}
	return conn.Close, nil
}

// AddUser makes a user who may do what the rules of ACL SETUSER say, and returns the URL
// to log in with (https://redis.io/docs/latest/commands/acl-setuser/).
func (s *Server) AddUser(ctx context.Context, name string, rules ...string) (url string, err error) {
	conn, err := s.dial(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	password := newPassword()
	args := redis.Args{"SETUSER", name, "on", ">" + password}.AddFlat(rules)
	if _, err := redis.DoContext(conn, ctx, "ACL", args...); err != nil {
		return "", fmt.Errorf("making the user %s: %w", name, err)
	}
	return strings.Replace(s.URL(), s.URL()[len("rediss://"):strings.LastIndex(s.URL(), "@")], name+":"+password, 1), nil
}

// Rotate gives the server a new password. The old one is dead at once, and its
// connections are cut.
func (s *Server) Rotate(ctx context.Context) error {
	conn, err := s.dial(ctx)
	if err != nil {
		return fmt.Errorf("redistest: log in to rotate the password: %w", err)
	}
	defer conn.Close()
	next := newPassword()
	if _, err := redis.DoContext(conn, ctx, "CONFIG", "SET", "requirepass", next); err != nil {
		return fmt.Errorf("redistest: set a new password: %w", err)
	}
	s.password = next
	if _, err = redis.DoContext(conn, ctx, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"); err != nil {
		return fmt.Errorf("redistest: cut the old password's connections: %w", err)
	}
	return nil
}

// close ends the server. Nothing of it is left when it returns.
func (s *Server) close() error {
	_ = s.pipe.Close()
	<-s.done
	return os.RemoveAll(s.dir) // the guardian did it, unless it was killed
}

func newPassword() string { return "pEXAMPLE" + strings.ToLower(rand.Text()) }

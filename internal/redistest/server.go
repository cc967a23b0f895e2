// Package redistest runs a real redis-server with TLS on the loopback interface, as
// a Heroku Key-Value Store is to its clients: a self-signed certificate, a password
// and no user name (https://devcenter.heroku.com/articles/connecting-heroku-redis).
package redistest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// ErrNotInstalled says that there is no redis-server on this machine.
var ErrNotInstalled = errors.New("no redis-server is installed (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis)")

// Server is a running server.
type Server struct {
	dir      string
	port     int // with TLS
	plain    int // without
	password string
	cmd      *exec.Cmd
	pipe     io.Closer // the server ends with it, and so with this process
}

// guard runs the server until its standard input ends.
const guard = `redis-server "$1" >/dev/null 2>&1 & server=$!; cat >/dev/null; kill "$server"; wait "$server"`

// Start starts a server with no data.
func Start(ctx context.Context) (*Server, error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, ErrNotInstalled
	}
	const tries = 5 // somebody else may take a port in between
	for try := 1; ; try++ {
		s, err := start(ctx)
		if err == nil || try == tries || ctx.Err() != nil {
			return s, err
		}
	}
}

func start(ctx context.Context) (_ *Server, err error) {
	s := &Server{password: newPassword(), port: freePort(), plain: freePort()}
	if s.dir, err = os.MkdirTemp("", "redistest-"); err != nil {
		return nil, err
	}
	config, err := s.configure()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	s.cmd = exec.Command("/bin/sh", "-c", guard, "guard", config)
	s.cmd.Dir = s.dir
	if s.pipe, err = s.cmd.StdinPipe(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	if err := s.wait(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) configure() (path string, err error) {
	cert, key, err := certificate()
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("bind 127.0.0.1\nport %d\ntls-port %d\ntls-cert-file %s/cert.pem\ntls-key-file %s/key.pem\n"+
		"tls-ca-cert-file %s/cert.pem\ntls-auth-clients no\nrequirepass %s\nsave \"\"\nappendonly no\ndir %s\n",
		s.plain, s.port, s.dir, s.dir, s.dir, s.password, s.dir)
	path = filepath.Join(s.dir, "redis.conf")
	return path, errors.Join(
		os.WriteFile(filepath.Join(s.dir, "cert.pem"), cert, 0o600),
		os.WriteFile(filepath.Join(s.dir, "key.pem"), key, 0o600),
		os.WriteFile(path, []byte(text), 0o600),
	)
}

// wait waits until the server answers.
func (s *Server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		conn, err := s.dial(ctx)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("redis-server does not answer: %w", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (s *Server) dial(ctx context.Context) (redis.Conn, error) {
	return redis.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.plain)), redis.DialPassword(s.password))
}

// URL returns the address as Heroku writes it into REDIS_URL.
func (s *Server) URL() string {
	return "rediss://:" + s.password + "@127.0.0.1:" + strconv.Itoa(s.port)
}

// Rotate gives the server a new password. The old one is dead at once, and its
// connections are cut.
func (s *Server) Rotate(ctx context.Context) error {
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	next := newPassword()
	if _, err := redis.DoContext(conn, ctx, "CONFIG", "SET", "requirepass", next); err != nil {
		return err
	}
	s.password = next
	_, err = redis.DoContext(conn, ctx, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	return err
}

// Close ends the server and removes what it left.
func (s *Server) Close() error {
	closeErr := s.pipe.Close()
	_ = s.cmd.Wait() // the guard ends as its server did, which was killed
	return errors.Join(closeErr, os.RemoveAll(s.dir))
}

func newPassword() string { return "pEXAMPLE" + strings.ToLower(rand.Text()) }

// freePort finds a port below those that clients get.
func freePort() int {
	for {
		listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 10240 + mathrand.IntN(22000)})
		if err != nil {
			continue
		}
		defer listener.Close()
		return listener.Addr().(*net.TCPAddr).Port
	}
}

// certificate makes one that is signed by itself, in PEM.
func certificate() (cert, key []byte, err error) {
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), nil
}

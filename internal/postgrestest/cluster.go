package postgrestest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Cluster is a PostgreSQL server in which databases can be made.
type Cluster struct {
	server   *server
	guardian *guardian   // nil for a server that DATABASE_URL names
	tls      *tls.Config // what forwarders use in place of a server without TLS, or nil

	mu        sync.Mutex
	databases map[*Database]bool
}

// Start makes a throwaway cluster, which takes a second or two, or uses the
// server that DATABASE_URL names. The error is [ErrNoServer] if there is
// neither. It gives up after a minute.
func Start(ctx context.Context) (*Cluster, error) {
	var c *Cluster
	var err error
	if given := os.Getenv("DATABASE_URL"); given != "" {
		c, err = adopt(ctx, given)
	} else {
		c, err = bootNew(ctx, hostTLS)
	}
	if err != nil && !errors.Is(err, ErrNoServer) {
		err = fmt.Errorf("postgrestest: %w", err)
	}
	return c, err
}

var shared struct {
	sync.Mutex
	cluster *Cluster
}

// Shared is the cluster of the whole process, started by the first call that
// succeeds in it. It ends with the process; nobody closes it. Whoever makes a
// [Database] in it closes that, though.
func Shared(ctx context.Context) (*Cluster, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil {
		c, err := Start(ctx)
		if err != nil {
			return nil, err
		}
		shared.cluster = c
	}
	return shared.cluster, nil
}

// Close closes all databases, stops a throwaway server and removes its files.
// Nothing of the cluster is left when it returns.
func (c *Cluster) Close() error {
	c.mu.Lock()
	databases := slices.Collect(maps.Keys(c.databases))
	c.mu.Unlock()
	var errs []error
	for _, d := range databases {
		errs = append(errs, d.Close())
	}
	if c.guardian != nil {
		errs = append(errs, c.guardian.close())
	}
	return errors.Join(errs...)
}

// access is which connections a throwaway server takes.
type access string

const (
	hostTLS   access = "hostssl" // with TLS alone, as Heroku's
	hostPlain access = "hostnossl"
	// mutual is TLS with a client certificate for all but the superuser.
	mutual access = "mutual"
)

// rules are the lines of pg_hba.conf for an address
// (https://www.postgresql.org/docs/current/auth-pg-hba-conf.html).
func (who access) rules(address string) string {
	if who == mutual {
		return fmt.Sprintf("hostssl all postgres %[1]s scram-sha-256\nhostssl all all %[1]s scram-sha-256 clientcert=verify-ca\n", address)
	}
	return fmt.Sprintf("%s all all %s scram-sha-256\n", who, address)
}

// bootNew makes a throwaway cluster with a certificate of its own.
func bootNew(ctx context.Context, who access) (*Cluster, error) {
	cert, err := newCertificate()
	if err != nil {
		return nil, err
	}
	return boot(ctx, cert, who)
}

// boot makes a throwaway cluster. The port it finds free may be gone before
// the server has it, so it tries more than once.
func boot(ctx context.Context, cert certificate, who access) (*Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	programs, err := findPrograms()
	if err != nil {
		return nil, err
	}
	var errs []error
	for range 3 {
		c, err := bootOnce(ctx, programs, cert, who)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func bootOnce(ctx context.Context, programs string, cert certificate, who access) (*Cluster, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	password := random("p", 64)
	super := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", password),
		Host: fmt.Sprintf("127.0.0.1:%d", port), Path: "/postgres"}
	server, err := newServer(super.String(), who != hostPlain)
	if err != nil {
		return nil, err
	}
	dir, owner, err := makeHome()
	if err != nil {
		return nil, fmt.Errorf("make a directory for the server: %w", err)
	}
	var g *guardian
	if err = furnish(dir, owner, files(dir, port, password, cert, who)); err == nil {
		g, err = startGuardian(dir, programs, owner)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := g.await(ctx, server.ping); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return newCluster(server, g, cert)
}

func newCluster(s *server, g *guardian, cert certificate) (*Cluster, error) {
	c := &Cluster{server: s, guardian: g, databases: map[*Database]bool{}}
	if s.login.TLSConfig != nil {
		return c, nil
	}
	var err error
	c.tls, err = cert.config()
	return c, err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// files are the server's settings. Nothing of them survives a crash of the
// machine, which is what makes it fast.
func files(dir string, port int, password string, cert certificate, who access) map[string]string {
	quoted := func(name string) string {
		return "'" + strings.ReplaceAll(filepath.Join(dir, name), "'", "''") + "'"
	}
	settings := []string{
		"hba_file = " + quoted("pg_hba.conf"),
		"listen_addresses = '127.0.0.1'",
		fmt.Sprintf("port = %d", port),
		"unix_socket_directories = ''",
		"max_connections = 100",
		"shared_buffers = 16MB",
		"dynamic_shared_memory_type = mmap", // in the directory, so that it goes with it
		"fsync = off",
		"synchronous_commit = off",
		"full_page_writes = off",
		"wal_level = minimal",
		"max_wal_senders = 0",
		"autovacuum = off",
		"password_encryption = scram-sha-256",
		"log_min_error_statement = panic", // statements hold passwords
	}
	if who != hostPlain {
		settings = append(settings, "ssl = on",
			"ssl_cert_file = "+quoted("server.crt"), "ssl_key_file = "+quoted("server.key"))
	}
	if who == mutual {
		settings = append(settings, "ssl_ca_file = "+quoted("client.crt"))
	}
	return map[string]string{
		"postgresql.conf": strings.Join(settings, "\n") + "\n",
		"pg_hba.conf":     who.rules("127.0.0.0/8") + who.rules("::1/128"),
		"client.crt":      string(cert.client.cert),
		"password":        password + "\n",
		"server.crt":      string(cert.cert),
		"server.key":      string(cert.key),
	}
}

// random is a prefix and n random lower-case letters and digits. It needs no
// quoting in SQL nor in a URL.
func random(prefix string, n int) string {
	var text strings.Builder
	for text.Len() < n {
		text.WriteString(strings.ToLower(rand.Text()))
	}
	return prefix + text.String()[:n]
}

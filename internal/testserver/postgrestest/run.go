package postgrestest

import (
	"errors"
	"testing"

	"keepcurrent.example/internal/testserver/certificate"
)

// Run makes a database in the shared cluster, and closes the database when the test ends.
// The test fails if no server is installed.
func Run(t testing.TB) *Database {
	t.Helper()
	cluster, err := Shared(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, err := cluster.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// Options are those of a server that [RunWith] makes.
type Options struct {
	// Settings are lines of postgresql.conf.
	Settings []string
	// Method is how a client proves who it is, by its name in pg_hba.conf; default
	// scram-sha-256.
	Method string
	// Signed gives the server a certificate for its address from a root of its own, as RDS
	// has; without it the certificate is signed by itself and names no address. A database
	// that has moved ([Database.FailOver]) has no certificate for its new address.
	Signed bool
}

// RunWith makes a cluster with settings of its own, and closes it when the test ends.
// root is what a client verifies its certificate with, in PEM. The test is skipped if no
// server is installed.
func RunWith(t testing.TB, o Options) (c *Cluster, root string) {
	t.Helper()
	s, err := newSettings(tlsOnly)
	trusted := s.cert.Cert
	if err == nil && o.Signed {
		s.cert, trusted, err = certificate.Signed()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.lines, s.method = o.Settings, o.Method
	return s.run(t), string(trusted)
}

// RunMutual makes a cluster that asks every client for a certificate, as a Private or
// Shield database of Heroku's does to clients from outside
// (https://devcenter.heroku.com/articles/heroku-postgres-via-mtls), and closes it when
// the test ends. identity is a JSON object with a certificate that it takes, its key,
// and the root of its own. The test is skipped if no server is installed.
func RunMutual(t testing.TB) (c *Cluster, identity string) {
	t.Helper()
	s, err := newSettings(mutualTLS)
	if err != nil {
		t.Fatal(err)
	}
	return s.run(t), s.identity()
}

// run boots a cluster that ends with the test. Where DATABASE_URL names a server, none may
// be installed: then the test is skipped.
func (s settings) run(t testing.TB) *Cluster {
	t.Helper()
	c, err := s.boot(t.Context())
	if errors.Is(err, errNoServer) {
		t.Skip("this test starts a server of its own:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

package postgrestest

import (
	"errors"
	"testing"
)

// Run makes a database in the shared cluster, which is closed when the test ends. The
// test fails if no server is installed.
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

// RunMutual makes a cluster that asks every client for a certificate, as a Private or
// Shield database of Heroku's does to clients from outside
// (https://devcenter.heroku.com/articles/heroku-postgres-via-mtls), and closes it when
// the test ends. identity is a JSON object with a certificate that it takes, its key,
// and the root of its own. The test is skipped if no server is installed.
func RunMutual(t testing.TB) (c *Cluster, identity string) {
	t.Helper()
	c, identity, err := startMutual(t.Context())
	if errors.Is(err, ErrNoServer) {
		t.Skip("this test starts a server of its own:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, identity
}

package postgrestest

import "testing"

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

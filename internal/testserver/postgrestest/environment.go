package postgrestest

import (
	"os"
	"strings"
)

// ClearEnvironment removes the PG* variables from the environment of the process. pgx and
// libpq use them for what a URL leaves open, and in a test they come from a developer's
// shell. The functions that make a cluster call it; other tests call it before their
// first connection.
func ClearEnvironment() {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "PG") {
			os.Unsetenv(name)
		}
	}
}

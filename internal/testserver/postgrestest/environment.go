package postgrestest

import (
	"os"
	"strings"
)

// ClearEnvironment removes the PG* variables from the environment of the process.
// pgx and libpq fill what a URL leaves open from them, which is what a developer's
// shell wants and a test does not. Whoever makes a cluster has called it; others
// call it before their first connection.
func ClearEnvironment() {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "PG") {
			os.Unsetenv(name)
		}
	}
}

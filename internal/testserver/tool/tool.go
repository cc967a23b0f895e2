// Package tool decides what becomes of a test that needs a program which is not installed.
package tool

import (
	"os"
	"os/exec"
	"testing"
)

// Missing skips the test, and says why. With the environment variable
// KEEPCURRENT_REQUIRE_TOOLS, which our CI sets, it fails the test: one that is skipped there
// is never run.
func Missing(t testing.TB, why ...any) {
	t.Helper()
	if os.Getenv("KEEPCURRENT_REQUIRE_TOOLS") != "" {
		t.Fatal(why...)
	}
	t.Skip(why...)
}

// Path returns the path of a program. If it is not installed, the test is skipped or fails, as
// [Missing] says.
func Path(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		Missing(t, program, " is not installed")
	}
	return path
}

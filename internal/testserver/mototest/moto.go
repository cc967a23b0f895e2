// Package mototest starts moto (https://docs.getmoto.org), which answers for services of AWS
// that this project has no test server for.
package mototest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"regexp"
	"testing"
)

var running = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)

// Start returns the address of a moto_server that ends with the test. The test is skipped if
// there is none.
func Start(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not installed")
	}
	cmd := exec.CommandContext(t.Context(), path, "-H", "127.0.0.1", "-p", "0")
	// moto reads the same variables as a client of AWS: it gets none of them.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	log, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // the test's context, done by now, has killed it
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if found := running.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, log) }() // so that moto never waits for a reader
			return found[1]
		}
	}
	t.Fatal("moto_server ended before it listened")
	return ""
}

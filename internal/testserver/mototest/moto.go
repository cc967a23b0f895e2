// Package mototest starts moto (https://docs.getmoto.org), which answers for services of AWS
// that this project has no test server for.
package mototest

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"keepcurrent.example/internal/testserver/tool"
)

var running = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)

// Start returns the address of a moto_server that ends with the test. If moto_server is not
// installed, the test is skipped; with KEEPCURRENT_REQUIRE_TOOLS it fails.
func Start(t testing.TB) string {
	t.Helper()
	tool.Path(t, "moto_server")
	url, stop, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return url
}

// Open starts a moto_server, and returns its address and what ends it. It fails if
// moto_server is not installed or does not start.
func Open() (url string, stop func(), err error) {
	cmd := exec.Command("moto_server", "-H", "127.0.0.1", "-p", "0")
	// moto reads the same variables as a client of AWS: it gets none of them.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	log, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return "", nil, err
	}
	stop = func() { _, _ = cmd.Process.Kill(), cmd.Wait() }
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if found := running.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, log) }() // so that moto never waits for a reader
			return found[1], stop, nil
		}
	}
	stop()
	return "", nil, errors.New("moto_server ended before it listened")
}

package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/tool"
)

// local is the page, its commands and the server that they are about.
type local struct {
	t        *testing.T
	blocks   []string // the commands, in order
	settings string   // what the server says first
	env      []string
}

var block = regexp.MustCompile("(?ms)^   ```(sh)?\n(.*?)^   ```$")

// serveLocal starts the server of the page, on a port of its own.
func serveLocal(t *testing.T, env ...string) *local {
	t.Helper()
	l := &local{t: t, env: append([]string{"PATH=" + os.Getenv("PATH"), "AWS_PAGER=", "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED=true"}, env...)}
	page := contents(t, "../../../docs/local.md")
	var shown string
	for _, found := range block.FindAllStringSubmatch(page, -1) {
		text := strings.ReplaceAll(strings.TrimPrefix(found[2], "   "), "\n   ", "\n")
		if found[1] == "" {
			shown = text
			continue
		}
		l.blocks = append(l.blocks, text)
	}
	program := filepath.Join(t.TempDir(), "secretsmanager")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/secretsmanager").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	server := exec.CommandContext(t.Context(), program, "-listen", "127.0.0.1:0")
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Wait() })
	said := bufio.NewReader(out)
	for range 2 {
		line, err := said.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		l.settings += line
	}
	if got := regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(l.settings, "127.0.0.1:4566"); got != shown {
		t.Errorf("the server says\n%s\nand the page\n%s", got, shown)
	}
	return l
}

// command returns the page's commands that begin so.
func (l *local) command(prefix string) string {
	l.t.Helper()
	i := slices.IndexFunc(l.blocks, func(text string) bool { return strings.HasPrefix(text, prefix) })
	if i < 0 {
		l.t.Fatalf("the page has no command %q", prefix)
	}
	return l.blocks[i]
}

// run runs commands in a shell into which the settings were pasted.
func (l *local) run(t *testing.T, dir, commands string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", l.settings+commands)
	cmd.Dir, cmd.Env = dir, append(l.env, "HOME="+dir)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s%v: %s", commands, err, &complaint)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func TestTheCommandsOfTheLocalPageRotateASecretThatEachLanguageReads(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"aws", "psql"} {
		tool.Path(t, program)
	}
	db := postgrestest.Run(t)
	rotated, err := url.Parse(db.URL())
	if err != nil {
		t.Fatal(err)
	}
	rotated.User = url.UserPassword(rotated.User.Username(), "EXAMPLE-2")
	l := serveLocal(t, "DATABASE_URL="+db.URL(), "NEW_URL="+rotated.String())
	makefile, err := exec.CommandContext(t.Context(), "make", "-n", "-C", "../../..", strings.TrimSpace(strings.TrimPrefix(l.command("make "), "make "))).Output()
	if err != nil || !strings.Contains(string(makefile), "go run ./internal/cmd/secretsmanager -listen 127.0.0.1:4566") {
		t.Errorf("make would run %s, %v", makefile, err)
	}
	l.run(t, t.TempDir(), l.command("aws secretsmanager create-secret"))

	old, err := pgconn.Connect(t.Context(), db.URL())
	if err != nil {
		t.Fatal(err)
	}
	l.run(t, t.TempDir(), l.command("psql "))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if old.Ping(ctx) == nil {
		t.Error("a session of the old password goes on")
	}
	if _, err := pgconn.Connect(ctx, db.URL()); err == nil {
		t.Error("the old password logs in")
	}
	conn, err := pgconn.Connect(ctx, rotated.String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(ctx)
	l.isRead(t, rotated.String())
}

// isRead fails the test unless each language of the page reads the value.
func (l *local) isRead(t *testing.T, want string) {
	t.Helper()
	equal := func(t *testing.T, got string) {
		t.Helper()
		if got != want {
			t.Error("it does not read what the secret holds")
		}
	}
	t.Run("Node", func(t *testing.T) {
		equal(t, l.run(t, nodeFolder(t), l.command("node ")))
	})
	t.Run("boto3", func(t *testing.T) {
		found := false
		for _, interpreter := range []string{"python3", "/usr/bin/python3"} { // what Debian packages is for its own, and older
			dir := t.TempDir()
			version := exec.CommandContext(t.Context(), interpreter, "-c", "import boto3; print(boto3.__version__)")
			version.Env = append(os.Environ(), "HOME="+dir)
			out, err := version.Output()
			if err != nil {
				continue
			}
			found = true
			command := strings.Replace(l.command("python3 "), "python3", interpreter, 1)
			if strings.HasPrefix(string(out), "1.26.") {
				_, client, _ := strings.Cut(strings.TrimSpace(l.settings), "Debian 12): ")
				command = strings.Replace(command, `boto3.client("secretsmanager")`, client, 1)
			}
			equal(t, l.run(t, dir, command))
		}
		if !found {
			tool.Missing(t, "no python3 has boto3: on Debian, install python3-boto3")
		}
	})
}

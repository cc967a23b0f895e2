package e2e_test

import (
	"archive/zip"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/testserver/lambdatest"
	"keepcurrent.example/internal/testserver/stacktest"
	"keepcurrent.example/internal/testserver/tool"
)

const (
	top      = "../../.."
	programs = top + "/internal/test/programs"
)

// Each way to query must survive a change of the credential without a restart.
func TestGoProgramsOutliveTheirCredential(t *testing.T) {
	t.Parallel()
	binary := goProgram(t, ".")
	for _, tt := range []struct {
		way, what string
		env       []string
		happens   func(*program)
	}{
		{"pgx", "killed at once", nil, killedAtOnce},
		{"sql", "killed at once", nil, killedAtOnce},
		{"gorm", "killed at once", nil, killedAtOnce},
		{"sqlx", "killed at once", nil, killedAtOnce},
		{"ent", "killed at once", nil, killedAtOnce},
		{"sqlc", "killed at once", nil, killedAtOnce},
		{"pgx", "another host", nil, movedToAnotherHost},
		{"pgx", "no new secret for long", []string{"WAIT=300"}, killedWithNoNewSecretForLong},
		{"pgx", "with a grace time", []string{"LIFETIME=50"}, replacedWithGrace},
		{"sql", "with a grace time", []string{"LIFETIME=50"}, replacedWithGrace},
		{"gorm", "with a grace time", []string{"LIFETIME=50"}, replacedWithGrace},
	} {
		t.Run(tt.way+", "+tt.what, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{})
			s.bindJSON()
			tt.happens(s.startProgram(t.TempDir(), binary+" "+tt.way, tt.env...))
		})
	}
}

// A handler's pool stays warm. The function's time-out must be longer than the wait for a
// version that logs in: if it is not, no error says why the handler had no connection.
func TestAGoHandlerOutlivesItsCredential(t *testing.T) {
	t.Parallel()
	bootstrap := goProgram(t, "./lambda")
	deploy := func(t *testing.T, timeout time.Duration, env ...string) (*shop, *lambdatest.Function) {
		t.Helper()
		s := openShop(t, stacktest.Config{})
		function, err := lambdatest.Start(lambdatest.Config{
			Bootstrap: bootstrap, Name: "shop", Timeout: timeout, Concurrency: 1,
			Env: append(env, "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=EXAMPLE", "AWS_SECRET_ACCESS_KEY=EXAMPLE",
				"AWS_ENDPOINT_URL_SECRETS_MANAGER="+s.Secrets.URL, "DATABASE_SECRET_ID="+s.secret),
		})
		s.must(err)
		t.Cleanup(func() { s.must(function.Close()) })
		_, err = function.Invoke(t.Context(), []byte("{}"))
		s.must(err)
		s.rotate() // and nobody tells the webhook
		return s, function
	}
	t.Run("the secret is right in time", func(t *testing.T) {
		t.Parallel()
		s, function := deploy(t, time.Minute)
		before := s.Secrets.Calls()["GetSecretValue"]
		answered := make(chan error, 1)
		go func() {
			_, err := function.Invoke(t.Context(), []byte("{}")) // on a connection that was cut
			if err != nil {
				_, err = function.Invoke(t.Context(), []byte("{}"))
			}
			answered <- err
		}()
		if !eventually(func() bool { return s.Secrets.Calls()["GetSecretValue"] >= before+3 }) {
			t.Fatal("the handler does not wait")
		}
		if status := s.announce(s.app); status != 204 {
			t.Fatalf("the webhook answers %d", status)
		}
		s.must(<-answered)
		if function.Starts() != 1 {
			t.Errorf("%d cold starts", function.Starts())
		}
	})
	for name, tt := range map[string]struct {
		timeout time.Duration
		wait    string
		want    string // of the last error, a pattern
	}{
		"a wait that is shorter than the time-out": {time.Minute, "1s", "^Error: consumer: secret arn:aws:.*28P01"},
		// The handler's context and its process end at one moment, and pgxpool says no more than that.
		"a wait that is longer": {3 * time.Second, "", "^Sandbox.Timedout|context deadline exceeded$"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, function := deploy(t, tt.timeout, "WAIT="+tt.wait)
			var failed *lambdatest.FunctionError
			for range 2 { // the first may fail on the connection that was cut
				_, err := function.Invoke(t.Context(), []byte("{}"))
				if !errors.As(err, &failed) {
					t.Fatal(err)
				}
			}
			if !regexp.MustCompile(tt.want).MatchString(failed.Error()) {
				t.Errorf("got %v, want %s", failed, tt.want)
			}
			if status := s.announce(s.app); status != 204 {
				t.Fatalf("the webhook answers %d", status)
			}
			_, err := function.Invoke(t.Context(), []byte("{}"))
			s.must(err)
			if tt.wait != "" && function.Starts() != 1 {
				t.Errorf("%d cold starts", function.Starts())
			}
		})
	}
}

// goProgram compiles a program of the module for programs.
func goProgram(t *testing.T, pkg string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	if _, err := goIn(t, programs, nil, "list", "-deps", pkg); err != nil {
		tool.Missing(t, "go cannot get the modules that the programs depend on: "+err.Error())
	}
	if _, err := goIn(t, programs, nil, "build", "-o", out, pkg); err != nil {
		t.Fatal(err)
	}
	return out
}

// goIn runs the go command in a folder.
func goIn(t *testing.T, dir string, env []string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = errors.New("go " + strings.Join(args, " ") + ": " + string(out))
	}
	return string(out), err
}

// user is a program of somebody who has no fork, or one that keeps the module's name.
const user = `package main

import (
	"fmt"

	"keepcurrent.example/consumer"
)

func main() { fmt.Print(consumer.ErrFull) }
`

var goCommands = regexp.MustCompile("(?m)^go (mod .*)$")

// The commands of the page are executed as they stand there, from an empty folder on.
func TestAProgramTakesThePackageFromACopyAndFromAFork(t *testing.T) {
	t.Parallel()
	_, section, _ := strings.Cut(contents(t, top+"/docs/consumers-go.md"), "\n## Take the package\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var commands []string
	for _, match := range goCommands.FindAllStringSubmatch(section, -1) {
		commands = append(commands, match[1])
	}
	if len(commands) != 4 {
		t.Fatalf("the page has the commands %q, not one to begin, one for a copy, one for a fork and one to end", commands)
	}
	begin, end := commands[0], commands[3]
	mod, err := goIn(t, programs, nil, "env", "GOMODCACHE", "GOPROXY")
	if err != nil {
		t.Fatal(err)
	}
	cache, proxy, _ := strings.Cut(strings.TrimSpace(mod), "\n")
	for _, take := range commands[1:3] {
		t.Run(take, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			shop, copy := filepath.Join(dir, "shop"), filepath.Join(dir, "keepcurrent")
			copyTop(t, copy)
			env := []string{"GOWORK=off", "GOSUMDB=off", "GOFLAGS=-trimpath -modcacherw"}
			if strings.Contains(take, "github.com/you") {
				serveFork(t, copy, filepath.Join(dir, "proxy/github.com/you/keepcurrent/@v"))
				// The fork must not stay in this machine's cache. A cache is a proxy, too.
				env = append(env, "GOMODCACHE="+filepath.Join(dir, "cache"),
					"GOPROXY=file://"+filepath.Join(dir, "proxy")+",file://"+filepath.Join(cache, "cache/download")+","+proxy)
				if err := os.RemoveAll(copy); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Mkdir(shop, 0o700); err != nil {
				t.Fatal(err)
			}
			for _, command := range []string{begin, take, end} {
				if command == end {
					if err := os.WriteFile(filepath.Join(shop, "main.go"), []byte(user), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := goIn(t, shop, env, strings.Fields(command)...); err != nil {
					t.Fatal(err)
				}
			}
			out, err := goIn(t, shop, env, "run", ".")
			if err != nil || !strings.Contains(out, "no connection left") {
				t.Errorf("got %q, %v", out, err)
			}
		})
	}
}

// copyTop copies the module, without the modules in it.
func copyTop(t *testing.T, to string) {
	t.Helper()
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(top, path)
		_, nested := os.Stat(filepath.Join(path, "go.mod"))
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules" || entry.Name() == "build" || rel != "." && nested == nil):
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case entry.Name() == "go.mod" || entry.Name() == "go.sum" || filepath.Ext(path) == ".go":
			return os.WriteFile(filepath.Join(to, rel), []byte(contents(t, path)), 0o600)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// serveFork makes a folder that serves a copy as a fork's first version
// (https://go.dev/ref/mod#goproxy-protocol). Its go.mod names keepcurrent.example still.
func serveFork(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(to, "v0.1.0.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zipped := zip.NewWriter(file)
	err = fs.WalkDir(os.DirFS(from), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		w, err := zipped.Create("github.com/you/keepcurrent@v0.1.0/" + path)
		if err == nil {
			_, err = w.Write([]byte(contents(t, filepath.Join(from, path))))
		}
		return err
	})
	err = errors.Join(err, zipped.Close(),
		os.WriteFile(filepath.Join(to, "v0.1.0.info"), []byte(`{"Version":"v0.1.0"}`), 0o600),
		os.WriteFile(filepath.Join(to, "v0.1.0.mod"), []byte(contents(t, filepath.Join(from, "go.mod"))), 0o600))
	if err != nil {
		t.Fatal(err)
	}
}

package e2e_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"keepcurrent.example/internal/testserver/npm"
	"keepcurrent.example/internal/testserver/stacktest"
	"keepcurrent.example/internal/testserver/tool"
)

const recipes = "../../../docs/recipes"

// Each program must survive a change of its credential without a restart.
func TestNodeRecipesOutliveTheirCredential(t *testing.T) {
	t.Parallel()
	dir := nodeFolder(t)
	tests := map[string]struct {
		env     []string
		happens func(*program)
	}{
		"killed at once":            {[]string{"WAY=secret"}, killedAtOnce},
		"killed at once, a file":    {[]string{"WAY=file"}, killedAtOnce},
		"with a grace time":         {[]string{"WAY=secret", "LIFETIME=50"}, replacedWithGrace},
		"with a grace time, alone":  {[]string{"WAY=client", "LIFETIME=50"}, replacedWithGrace},
		"another host":              {[]string{"WAY=secret"}, movedToAnotherHost},
		"no new secret for long":    {[]string{"WAY=secret", "WAIT=300"}, killedWithNoNewSecretForLong},
		"a silent host, after rest": {[]string{"WAY=secret", "REST=1500"}, hostFallsSilent},
		"lambda.mjs":                {[]string{"WAY=lambda.mjs"}, killedAtOnce},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.happens(openShop(t, stacktest.Config{}).startProgram(dir, "node program.mjs", tt.env...))
		})
	}
	t.Run("killed at once, JSON", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, stacktest.Config{})
		s.bindJSON()
		killedAtOnce(s.startProgram(dir, "node program.mjs", "WAY=secret"))
	})
	t.Run("lambda-extension.mjs", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, stacktest.Config{})
		extension := s.extension()
		killedAtOnce(s.startProgram(dir, "node program.mjs", "WAY=lambda-extension.mjs", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+extension.port))
		if n := extension.asked.Load(); n != 1 {
			t.Errorf("the extension was asked %d times", n)
		}
	})
}

func killedAtOnce(p *program)       { p.t.Helper(); p.losesItsConnections(p.addon.Rotate) }
func movedToAnotherHost(p *program) { p.t.Helper(); p.losesItsConnections(p.addon.FailOver) }

// movedWhileAtRest ends idle connections. The program tests each before it uses it, so no
// query fails.
func movedWhileAtRest(p *program) {
	p.t.Helper()
	p.comesToRest()
	movedToAnotherHost(p)
	p.noQueryHasFailed()
}

// comesToRest waits for the end of a query of each worker. After it all workers pause, for
// as long as REST says.
func (p *program) comesToRest() {
	p.t.Helper()
	since := time.Now()
	p.await("the program queries again", func() bool { return p.works(since, "") })
}

// losesItsConnections ends the connections before the secret is right. No query that
// begins after the secret is right fails.
func (p *program) losesItsConnections(end func(context.Context) error) {
	p.t.Helper()
	before := p.secretReads()
	p.must(end(p.t.Context()))
	// After the fourth read, the program no longer believes that a connection is alive.
	p.await("the program reads the secret in vain", func() bool { return p.secretReads() >= before+4 })
	right := p.publish()
	p.await("the program works again", func() bool { return p.works(right, "") })
	p.end()
	for _, a := range p.failures() {
		if a.after(right) {
			p.t.Errorf("a query failed, begun %d ms after the secret was right: %s", a.Began-right.UnixMilli(), a.Error)
		}
		if a.isRefusal() {
			p.t.Errorf("a refused login reached a worker: %s", a.Error)
		}
	}
}

// killedWithNoNewSecretForLong keeps the secret wrong for longer than the program waits.
// The program reports the reason, and works again when the secret is right. A query that
// begins shortly after that may still fail, because it does not wait longer than others.
func killedWithNoNewSecretForLong(p *program) {
	p.t.Helper()
	p.rotate()
	p.await("a refused login reaches a worker", func() bool {
		return slices.ContainsFunc(p.failures(), func(a answer) bool { return a.Error == "28P01" })
	})
	right := p.publish()
	p.await("the program works again", func() bool { return p.works(right, "") })
	p.end()
}

// hostFallsSilent makes the present connections silent. New ones work, and no query fails.
func hostFallsSilent(p *program) {
	p.t.Helper()
	p.comesToRest()
	p.silent.Store(true)
	since := time.Now()
	p.await("the program works again", func() bool { return p.works(since, "") })
	p.end()
	p.noQueryHasFailed()
}

// replacedWithGrace keeps the old credential valid until the program has the new one: no
// query fails.
func replacedWithGrace(p *program) {
	p.t.Helper()
	old, err := url.Parse(p.db.URL())
	p.must(err)
	end, err := p.addon.RotateWithGrace(p.t.Context())
	p.must(err)
	right := p.publish()
	p.await("the program has moved", func() bool { return p.works(right, old.User.Username()) })
	p.must(end(p.t.Context()))
	over := time.Now()
	p.await("the program works", func() bool { return p.works(over, "") })
	p.end()
	p.noQueryHasFailed()
}

func (p *program) noQueryHasFailed() {
	p.t.Helper()
	for _, a := range p.failures() {
		p.t.Errorf("a query failed: %s", a.Error)
	}
}

// nodeFolder makes a folder with the Node recipes, their dependencies, the program and more
// files, of which a package.json replaces that of the recipes.
func nodeFolder(t *testing.T, more ...string) string {
	t.Helper()
	return npmFolder(t, append([]string{recipes + "/*.mjs", recipes + "/package*.json", "testdata/program.mjs"}, more...)...)
}

// npmFolder makes a folder with copies of the files that match, and with what their
// package.json names.
func npmFolder(t *testing.T, patterns ...string) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		tool.Path(t, program)
	}
	dir := copied(t, patterns...)
	lists := fstest.MapFS{}
	for _, name := range []string{"package.json", "package-lock.json"} {
		lists[name] = &fstest.MapFile{Data: []byte(contents(t, filepath.Join(dir, name)))}
	}
	installed, err := npm.Install(t.Context(), "recipes", lists, func(string) error { return nil })
	if err != nil {
		tool.Missing(t, "npm cannot install what the recipes depend on: "+err.Error())
	}
	if err := os.Symlink(filepath.Join(installed, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// copied is a folder with copies of the files that match.
func copied(t *testing.T, patterns ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("there is no %s: %v", pattern, err)
		}
		for _, file := range files {
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), []byte(contents(t, file)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func contents(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// bindJSON replaces the bound secret, which has the URL alone, by one in the default
// format.
func (s *shop) bindJSON() {
	s.t.Helper()
	s.secret = s.bind(s.app.Name, "shop/json")
	s.poll()
}

// extension is a test server for Lambda's extension in the worst case: it returns the
// value that it has cached for the whole test.
type extension struct {
	port  string
	asked atomic.Int32
}

func (s *shop) extension() *extension {
	s.t.Helper()
	e := &extension{}
	cached, err := json.Marshal(map[string]string{"SecretString": s.value(s.secret)})
	s.must(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.asked.Add(1)
		query, token := r.URL.Query(), r.Header.Get("X-Aws-Parameters-Secrets-Token")
		if r.URL.Path != "/secretsmanager/get" || query.Get("secretId") != s.secret || query.Get("versionStage") != "AWSCURRENT" || token != "EXAMPLE" {
			http.Error(w, "not as documented", http.StatusBadRequest)
			return
		}
		_, _ = w.Write(cached)
	}))
	s.t.Cleanup(server.Close)
	_, e.port, err = net.SplitHostPort(server.Listener.Addr().String())
	s.must(err)
	return e
}

// npm writes the address of the registry that the author used, unless it is told not to.
func TestLockFileNamesNoRegistry(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{recipes, "testdata/orm", "testdata/node"} {
		if strings.Contains(contents(t, folder+"/package-lock.json"), `"resolved"`) {
			t.Errorf("%s: write it with npm install --package-lock-only --omit-lockfile-registry-resolved", folder)
		}
	}
}

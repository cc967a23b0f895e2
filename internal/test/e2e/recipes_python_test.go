package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/stacktest"
	"keepcurrent.example/internal/testserver/tool"
)

// Each program must survive a change of its credential without a restart.
func TestPythonRecipeOutlivesItsCredential(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "boto3, psycopg, psycopg_pool")
	dir := copied(t, recipes+"/*.py", "testdata/program.py")
	tests := map[string]struct {
		env     []string
		happens func(*program)
	}{
		"killed at once":            {nil, killedAtOnce},
		"with a grace time":         {[]string{"LIFETIME=50"}, replacedWithGrace},
		"another host, after rest":  {[]string{"REST=1500"}, movedWhileAtRest},
		"lambda.py, killed at once": {[]string{"WAY=lambda.py"}, killedAtOnce},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{})
			s.bindJSON()
			tt.happens(s.startProgram(dir, interpreter+" program.py", tt.env...))
		})
	}
}

// The frameworks as people run them today, which Debian 12 does not have.
func TestPythonFrameworksOutliveTheirCredential(t *testing.T) {
	t.Parallel()
	interpreter, path := frameworks(t)
	dir := copied(t, recipes+"/*.py", "testdata/program.py")
	if err := os.CopyFS(filepath.Join(dir, "djangosecret"), os.DirFS(recipes+"/djangosecret")); err != nil {
		t.Fatal(err)
	}
	changes := map[string]struct {
		env     []string
		happens func(*program)
	}{
		"killed at once":           {nil, killedAtOnce},
		"with a grace time":        {[]string{"LIFETIME=50"}, replacedWithGrace},
		"another host, after rest": {[]string{"REST=1500"}, movedWhileAtRest},
	}
	t.Run("sqlalchemy-asyncpg, a silent host, after rest", func(t *testing.T) {
		t.Parallel()
		hostFallsSilent(openShop(t, stacktest.Config{}).startProgram(dir, interpreter+" program.py", "WAY=sqlalchemy-asyncpg", "REST=1500", path))
	})
	t.Run("sqlalchemy-asyncpg, no new secret for long", func(t *testing.T) {
		t.Parallel()
		killedWithNoNewSecretForLong(openShop(t, stacktest.Config{}).startProgram(dir, interpreter+" program.py", "WAY=sqlalchemy-asyncpg", "WAIT=300", path))
	})
	t.Run("sqlalchemy-asyncpg, calls when it is refused", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, stacktest.Config{})
		bus := s.bus(s.Webhook.Invoke)
		callsAlone(s.startProgram(dir, interpreter+" program.py", "WAY=sqlalchemy-asyncpg", "AWS_ENDPOINT_URL_EVENTBRIDGE="+bus.URL, path), bus)
	})
	for _, way := range []string{"psycopg", "sqlalchemy", "sqlalchemy-asyncpg", "django"} {
		for name, tt := range changes {
			t.Run(way+", "+name, func(t *testing.T) {
				t.Parallel()
				s := openShop(t, stacktest.Config{})
				s.bindJSON()
				tt.happens(s.startProgram(dir, interpreter+" program.py", append(tt.env, "WAY="+way, path)...))
			})
		}
	}
}

// unknownToPsycopg is a parameter that psycopg refuses, and that asyncpg sends to the server.
var unknownToPsycopg = unserving{
	name: "a parameter that psycopg does not know", url: func(url string) string { return url + "&no_such_parameter=1" }, inside: true,
}

// longEnough is a wait for several logins at a silent host, each of 5 seconds: psycopg's pool
// would complain of the last.
const longEnough = "WAIT=30000"

func TestPythonRecipeKeepsAVersionThatServes(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "boto3, psycopg, psycopg_pool")
	dir := copied(t, recipes+"/*.py", "testdata/program.py")
	for _, way := range []string{"psycopg", "lambda.py"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			keepsWhatServes(openShop(t, stacktest.Config{}).startProgram(dir, interpreter+" program.py", "WAY="+way, "LIFETIME=50", longEnough), unknownToPsycopg)
		})
	}
	for _, way := range []string{"psycopg", "connect"} {
		t.Run(way+", and calls when nothing logs in", func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{})
			bus := s.bus(func(context.Context, []byte) ([]byte, error) { return nil, nil })
			callsWhenNothingLogsIn(s.startProgram(dir, interpreter+" program.py", "WAY="+way, "LIFETIME=50", "WAIT=60000", "AWS_ENDPOINT_URL_EVENTBRIDGE="+bus.URL))
		})
	}
}

func TestPythonFrameworksKeepAVersionThatServes(t *testing.T) {
	t.Parallel()
	interpreter, path := frameworks(t)
	dir := copied(t, recipes+"/*.py", "testdata/program.py")
	if err := os.CopyFS(filepath.Join(dir, "djangosecret"), os.DirFS(recipes+"/djangosecret")); err != nil {
		t.Fatal(err)
	}
	for _, way := range []string{"psycopg", "sqlalchemy", "sqlalchemy-asyncpg", "django"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			keepsWhatServes(openShop(t, stacktest.Config{}).startProgram(dir, interpreter+" program.py", "WAY="+way, "LIFETIME=50", longEnough, path), unknownToPsycopg)
		})
	}
}

func TestPythonRecipeReadsSeldomHoweverManyCallersFail(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "boto3, psycopg, psycopg_pool")
	readsSeldom(t, copied(t, recipes+"/pool.py", "testdata/storm.py"), interpreter, "storm.py")
}

func TestPythonRecipesReadAgainWhenTheServerTurnsThemAway(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "boto3, psycopg, psycopg_pool")
	dir := copied(t, recipes+"/*.py", "testdata/program.py")
	for _, way := range []string{"psycopg", "connect"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			readsAgainWhenTurnedAway(t, func(s *shop) *program { return s.startProgram(dir, interpreter+" program.py", "WAY="+way) })
		})
	}
}

// As in Node.
func TestPythonRecipeSaysThatTheServerIsFull(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "boto3, psycopg, psycopg_pool")
	dir := copied(t, recipes+"/*.py", "testdata/program.py")
	p := openShop(t, stacktest.Config{}).startProgram(dir, interpreter+" program.py", "WAY=connect", "WAIT=600000")
	p.ends(func(p *program) error { return p.db.LimitRole(p.t.Context(), 0) })
	p.await("the refusal reaches a worker", func() bool {
		return slices.ContainsFunc(p.failures(), func(a answer) bool { return strings.Contains(a.Error, "too many connections") })
	})
	p.must(p.db.LimitRole(t.Context(), -1))
	right := time.Now()
	p.await("the program works again", func() bool { return p.works(right, "") })
	p.end()
}

// A good value is there, so no caller has to wait for Secrets Manager.
func TestPythonRecipeLogsInWhileSecretsManagerIsSilent(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "boto3, psycopg, psycopg_pool")
	cmd := exec.CommandContext(t.Context(), interpreter, "beside.py")
	cmd.Dir = copied(t, recipes+"/pool.py", "testdata/beside.py")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "DATABASE_URL=" + postgrestest.Run(t).URL()}
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "a connection waited for a later read: False\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// A secret may hold the URL as Heroku writes it.
func TestPythonRecipeNeverConnectsInPlainTextUnlessToldTo(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"":                                      "require",
		"?":                                     "require",
		"?application_name=shop":                "require",
		"?sslmode=":                             "require",
		"?sslmode=allow":                        "require",
		"?application_name=shop&sslmode=prefer": "require",
		"?sslmode=require":                      "require",
		"?sslmode=require&sslmode=require":      "require",
		"?sslmode=require&sslmode=prefer":       "require",
		"?sslmode=verify-full":                  "verify-full",
		"?sslmode=disable":                      "disable",
	}
	var cases []keyCase
	var want []string
	for query, mode := range tests {
		cases = append(cases, keyCase{Value: "postgres://u:EXAMPLE@127.0.0.1:2/d" + query})
		want = append(want, mode)
	}
	for i, got := range readByPython(t, cases) {
		if got.SSLMode != want[i] {
			t.Errorf("%s: got %q (%s), want %s", cases[i].Value, got.SSLMode, got.Error, want[i])
		}
	}
}

// readByPython gives the secrets to the recipe.
func readByPython(t *testing.T, cases []keyCase) []recipeAnswer {
	t.Helper()
	interpreter := python(t, "boto3, psycopg, psycopg_pool")
	return readBy(t, copied(t, recipes+"/pool.py", "testdata/keys.py"), interpreter, "keys.py", cases)
}

// A connection that was used a moment ago is not tested with a query.
func TestPythonRecipeNoticesThatASessionWasCut(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "boto3, psycopg, psycopg_pool")
	s := openShop(t, stacktest.Config{})
	cmd := exec.CommandContext(t.Context(), interpreter, "cut.py")
	cmd.Dir = copied(t, recipes+"/pool.py", "testdata/cut.py")
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "AWS_DEFAULT_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=EXAMPLE", "AWS_SECRET_ACCESS_KEY=EXAMPLE",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + s.Secrets.URL, "DATABASE_SECRET_ID=" + s.secret,
	}
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "False True\n" {
		t.Errorf("%v: %q", err, out)
	}
}

// A program that cannot work must say so when it starts, and not after the pool's time-out
// in words of the pool.
func TestPythonRecipeSaysWhenItIsMadeWhyItCannotRead(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "boto3, psycopg, psycopg_pool")
	dir := copied(t, recipes+"/pool.py", "testdata/first.py")
	credentials := []string{"AWS_ACCESS_KEY_ID=EXAMPLE", "AWS_SECRET_ACCESS_KEY=EXAMPLE"}
	const region = "AWS_DEFAULT_REGION=eu-west-1"
	tests := map[string]struct {
		secret string
		env    []string
		fault  secretstest.Fault
		want   string
	}{
		"a wrong name":   {"shop/wrong", append(credentials, region), nil, `the secret "shop/wrong" in eu-west-1 cannot be read: An error occurred (ResourceNotFoundException)`},
		"access denied":  {"shop/database", append(credentials, region), secretstest.Fail(400, "AccessDeniedException"), `the secret "shop/database" in eu-west-1 cannot be read: An error occurred (AccessDeniedException)`},
		"a URL for name": {"postgres://u:EXAMPLE@h/d", append(credentials, region), nil, `the secret (not shown) in eu-west-1 cannot be read: `},
		"no credentials": {"shop/database", []string{region}, nil, `the secret "shop/database" in eu-west-1 cannot be read: Unable to locate credentials`},
		"no Region":      {"shop/database", credentials, nil, `no Region for Secrets Manager: set AWS_DEFAULT_REGION`},
		"no URL":         {"shop/other", append(credentials, region), nil, `the secret holds neither a Postgres URL nor an object with one`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := secretstest.NewServer()
			t.Cleanup(server.Close)
			s := &stack{&stacktest.Stack{AWS: server.Client(), Secrets: server}, t}
			s.create("shop/other", "EXAMPLE")
			server.Intercept(func(secretstest.Call) secretstest.Fault { return tt.fault })
			cmd := exec.CommandContext(t.Context(), interpreter, "first.py")
			cmd.Dir = dir
			cmd.Env = append([]string{
				"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "AWS_EC2_METADATA_DISABLED=true",
				"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + server.URL, "DATABASE_SECRET_ID=" + tt.secret,
			}, tt.env...)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), tt.want) || strings.Count(string(out), "\n") != 1 {
				t.Errorf("%v: it says %q, want %q", err, out, tt.want)
			}
		})
	}
}

// interpreters are those that python has found, by their modules: an import of all of boto3
// takes most of a second of CPU, and eleven tests ask for the same modules.
var interpreters sync.Map

// python returns an interpreter that has the modules.
func python(t *testing.T, modules string) string {
	t.Helper()
	if found, ok := interpreters.Load(modules); ok {
		return found.(string)
	}
	for _, name := range []string{"python3", "/usr/bin/python3"} { // what Debian packages is for its own
		try := exec.CommandContext(t.Context(), name, "-c", "import "+modules)
		try.Env = append(os.Environ(), "HOME="+t.TempDir()) // as the program will have one of its own
		if try.Run() == nil {
			interpreters.Store(modules, name)
			return name
		}
	}
	tool.Missing(t, "no python3 has "+modules+": on Debian, install python3-boto3, python3-psycopg and python3-psycopg-pool")
	return ""
}

// frameworks returns an interpreter that has SQLAlchemy 2, asyncpg and Django 4.2 or newer,
// and the variable that it needs for them.
func frameworks(t *testing.T) (interpreter, path string) {
	t.Helper()
	installed, err := filepath.Abs("../../../build/python")
	if err != nil {
		t.Fatal(err)
	}
	const modules = "import boto3, psycopg2, psycopg_pool, asyncpg, greenlet, django, sqlalchemy; assert django.VERSION >= (4, 2) and sqlalchemy.__version__[0] == '2'"
	for _, path := range []string{"PYTHONPATH=", "PYTHONPATH=" + installed} {
		for _, name := range []string{"python3", "/usr/bin/python3"} {
			try := exec.CommandContext(t.Context(), name, "-c", modules)
			try.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), path}
			if try.Run() == nil {
				return name, path
			}
		}
	}
	tool.Missing(t, "no python3 has SQLAlchemy 2, asyncpg, greenlet and Django 4.2 beside boto3 and psycopg's pool: .ci/python-packages puts them into build/python")
	return "", ""
}

// The page says of programs that are left as they are which tag each needs.
func TestPythonProgramsThatKnowNothingOfUsNeedTheTagsThatThePageNames(t *testing.T) {
	t.Parallel()
	interpreter, path := frameworks(t)
	dir := copied(t, "testdata/as_they_are.py")
	s := openShop(t, stacktest.Config{})
	needs := map[string]struct{ scheme, unchanged bool }{
		"psycopg": {},
		"psycopg, which appends ?sslmode=require": {unchanged: true},
		"psycopg2":                            {},
		"asyncpg":                             {},
		"SQLAlchemy":                          {scheme: true},
		"SQLAlchemy, postgresql+psycopg":      {},
		"SQLAlchemy, postgresql+asyncpg":      {unchanged: true},
		"SQLAlchemy, postgresql+asyncpg, ssl": {unchanged: true},
	}
	bare := strings.TrimPrefix(s.db.URL(), "postgres://")
	for _, scheme := range []string{"postgres", "postgresql"} { // heroku:scheme
		for _, query := range []string{"", "?sslmode=require"} { // heroku:sslmode=unchanged, and its default
			cmd := exec.CommandContext(t.Context(), interpreter, "as_they_are.py")
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, path, "DATABASE_URL=" + scheme + "://" + bare + query}
			out, err := cmd.Output()
			s.must(err)
			answered := 0
			for line := range bytes.Lines(out) {
				var got struct {
					Way, Error string
					TLS        bool
				}
				s.must(json.Unmarshal(line, &got))
				answered++
				need, known := needs[got.Way]
				works := (!need.scheme || scheme == "postgresql") && (!need.unchanged || query == "")
				if !known || works != (got.Error == "") || works != got.TLS {
					t.Errorf("%s://…%s: %+v, want that it works: %v", scheme, query, got, works)
				}
			}
			if answered != len(needs) {
				t.Errorf("%d answers, want %d", answered, len(needs))
			}
		}
	}
}

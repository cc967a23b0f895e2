package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/stacktest"
	"keepcurrent.example/internal/testserver/tool"
)

func TestNodeORMs(t *testing.T) {
	t.Parallel()
	dir := nodeFolder(t, "testdata/orm/*") // once, because it is large
	ormsOutliveTheirCredential(t, dir)
	programsAsTheyAre(t, dir)
}

// Each ORM must survive a change of the credential without a restart, by the lines of the
// page.
func ormsOutliveTheirCredential(t *testing.T, dir string) {
	for _, orm := range []string{"knex", "sequelize", "typeorm", "prisma", "drizzle"} {
		t.Run(orm+", killed at once", func(t *testing.T) {
			t.Parallel()
			killedAtOnce(openShop(t, stacktest.Config{}).startProgram(dir, "node program.mjs", "WAY="+orm))
		})
		t.Run(orm+", with a grace time", func(t *testing.T) {
			t.Parallel()
			replacedWithGrace(openShop(t, stacktest.Config{}).startProgram(dir, "node program.mjs", "WAY="+orm, "LIFETIME=50"))
		})
	}
}

// What Heroku's Node programs make of a URL, if they stay as they are. The docs say which
// tag each needs.
func programsAsTheyAre(t *testing.T, dir string) {
	db := postgrestest.Run(t)
	const works, plain, checks = "", "28000", "DEPTH_ZERO_SELF_SIGNED_CERT"
	tests := map[string]struct {
		query                                                  string
		pg, pgAlone, knex, sequelize, typeORM, prisma, drizzle string
	}{
		"heroku:sslmode=unchanged":                       {"", works, plain, works, works, works, works, works},
		"heroku:sslmode=require":                         {"?sslmode=require", checks, checks, checks, checks, checks, "TlsConnectionError", checks},
		"heroku:sslmode=require, and a word in the code": {"?sslmode=require&uselibpqcompat=true", works, works, works, checks, works, works, works},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "node", "as-is.mjs")
			cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "DATABASE_URL=" + db.URL() + tt.query}
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			got := map[string]string{}
			if err := json.Unmarshal(out[bytes.LastIndexByte(out, '{'):], &got); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			want := map[string]string{
				"pg": tt.pg, "pg alone": tt.pgAlone, "Knex": tt.knex, "Sequelize": tt.sequelize,
				"TypeORM": tt.typeORM, "Prisma": tt.prisma, "Drizzle": tt.drizzle,
			}
			if !maps.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// The other tests run on the Node that is installed. These two are what people run.
func TestNodeRecipeRunsOnNode(t *testing.T) {
	t.Parallel()
	if os.Getenv("KEEPCURRENT_REQUIRE_TOOLS") == "" && os.Getenv("CI") == "" {
		t.Skip("Node 22 and 24 are 100 MB to fetch from npm: set CI=true to run on them")
	}
	nodes := npmFolder(t, "testdata/node/*")
	dir := nodeFolder(t)
	for _, version := range []string{"22", "24"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			node := nodes + "/node_modules/node" + version + "/bin/node"
			if _, err := os.Stat(node); err != nil {
				tool.Missing(t, "npm has Node "+version+" for Linux on x64 alone: "+err.Error())
			}
			out, err := exec.CommandContext(t.Context(), node, "--version").Output()
			if err != nil || !bytes.HasPrefix(out, []byte("v"+version+".")) {
				t.Fatalf("it is Node %s: %v", out, err)
			}
			killedAtOnce(openShop(t, stacktest.Config{}).startProgram(dir, node+" program.mjs", "WAY=secret"))
		})
	}
}

// A database can stop serving in another way than by its password. A version that serves is
// in the secret already, and no query has to wait for the lifetime of the one that was read.
func TestNodeRecipeReadsAgainWhenTheServerTurnsItAway(t *testing.T) {
	t.Parallel()
	dir := nodeFolder(t)
	readsAgainWhenTurnedAway(t, func(s *shop) *program { return s.startProgram(dir, "node program.mjs", "WAY=secret") })
}

// readsAgainWhenTurnedAway lets servers turn a program away. No refusal may reach a worker,
// whose error says the SQLSTATE or, of psycopg, the text.
func readsAgainWhenTurnedAway(t *testing.T, start func(*shop) *program) {
	t.Helper()
	tests := map[string]func(*program) error{
		"42501 permission denied": func(p *program) error { return p.db.Forbid(p.t.Context()) },
		"53300 too many":          func(p *program) error { return p.db.LimitRole(p.t.Context(), 0) },
		"55000 A fault": func(p *program) error {
			p.db.Intercept(func() postgrestest.Fault { return postgrestest.Answer("55000") })
			return nil
		},
	}
	for refusal, close := range tests {
		code, text, _ := strings.Cut(refusal, " ")
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			p := start(openShop(t, stacktest.Config{}))
			p.put(p.secret, p.database().URL())
			// The other workers are turned away while the first one reads.
			p.Secrets.Intercept(func(secretstest.Call) secretstest.Fault { return secretstest.Delay(500 * time.Millisecond) })
			p.ends(close)
			over := time.Now()
			p.await("the program works elsewhere", func() bool { return p.works(over, "") })
			p.end()
			for _, a := range p.failures() {
				if a.Error == code || strings.Contains(a.Error, text) {
					t.Error("the server's refusal reached a worker")
				}
			}
		})
	}
}

// A full server with no other to try is an error at once, and not after the wait.
func TestNodeRecipeSaysThatTheServerIsFull(t *testing.T) {
	t.Parallel()
	p := openShop(t, stacktest.Config{}).startProgram(nodeFolder(t), "node program.mjs", "WAY=secret", "WAIT=60000")
	p.ends(func(p *program) error { return p.db.LimitRole(p.t.Context(), 0) })
	p.await("the refusal reaches a worker", func() bool {
		return slices.ContainsFunc(p.failures(), func(a answer) bool { return a.Error == "53300" })
	})
	p.must(p.db.LimitRole(t.Context(), -1))
	right := time.Now()
	p.await("the program works again", func() bool { return p.works(right, "") })
	p.end()
}

// No other version of the secret makes a missing file appear.
func TestNodeRecipeSaysAtOnceThatAFileIsMissing(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "node", "missing.mjs")
	cmd.Dir = nodeFolder(t, "testdata/missing.mjs")
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "ENOENT 1\nENOENT 2\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// ends ends the program's sessions once its server takes no new one.
func (p *program) ends(close func(*program) error) {
	p.t.Helper()
	ctx := p.t.Context()
	conn, err := pgconn.Connect(ctx, p.db.URL()+"?sslmode=require")
	p.must(err)
	p.must(close(p))
	_, err = conn.Exec(ctx, `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = session_user AND pid <> pg_backend_pid()`).ReadAll()
	p.must(err)
	p.must(conn.Close(ctx))
}

// unserving is a way in which a newer version can fail to log in.
type unserving struct {
	name          string
	url           func(string) string // what the secret holds
	spoil, repair func(context.Context, *postgrestest.Database) error
	fault         postgrestest.Fault // until it is repaired
	inside        bool               // a driver may fail before it asks the server
}

var allUnserving = []unserving{
	{name: "28P01, a wrong password", url: withWrongPassword},
	{name: "42704, an unknown parameter", url: func(url string) string { return url + "&options=-c%20no_such_parameter%3D1" }},
	{name: "42501, no right to connect", spoil: func(ctx context.Context, db *postgrestest.Database) error { return db.Forbid(ctx) }},
	{name: "53300, no connection left", spoil: limitRole(0), repair: limitRole(-1)},
	{name: "55000, a closed database", fault: postgrestest.Answer("55000")},
	{name: "a silent host", fault: postgrestest.Hang},
	{name: "no Postgres", fault: postgrestest.Garble},
	{name: "a file that is missing", url: func(url string) string {
		return strings.Replace(url, "sslmode=require", "sslmode=verify-ca&sslrootcert=/missing/root.crt", 1)
	}, inside: true},
}

func limitRole(n int) func(context.Context, *postgrestest.Database) error {
	return func(ctx context.Context, db *postgrestest.Database) error { return db.LimitRole(ctx, n) }
}

func withWrongPassword(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	u.User = url.UserPassword(u.User.Username(), "EXAMPLE")
	return u.String()
}

// keepsWhatServes puts versions that do not log in over one that does. The program keeps the
// older one, through an outage as well, and moves when the newer one logs in.
func keepsWhatServes(p *program, more ...unserving) {
	p.t.Helper()
	for _, tt := range append(more, allUnserving...) {
		newer, before, old := p.database(), len(p.failures()), p.user(p.db)
		var tries atomic.Int32
		var repaired atomic.Bool
		newer.Intercept(func() postgrestest.Fault {
			tries.Add(1)
			if repaired.Load() {
				return nil
			}
			return tt.fault
		})
		if tt.spoil != nil {
			p.must(tt.spoil(p.t.Context(), newer))
		}
		value := newer.URL() + "?sslmode=require"
		if tt.url != nil {
			value = tt.url(value)
		}
		p.put(p.secret, value)
		reads := p.secretReads()
		tried := func(times int) func() bool {
			return func() bool { return int(tries.Load()) >= times || tt.inside && p.secretReads() >= reads+4*times }
		}
		p.await("the program tries the newer version: "+tt.name, tried(1))
		outage := time.Now()
		p.must(p.db.Refuse())
		reads = p.secretReads()
		p.await("the program reads the secret in vain: "+tt.name, func() bool { return p.secretReads() >= reads+2 })
		p.must(p.db.Accept())
		over := time.Now()
		p.await("the program works with the older version: "+tt.name, func() bool { return p.works(over, p.user(newer)) })
		p.await("the program tries the newer version again: "+tt.name, tried(2))
		if p.hasServed(p.user(newer)) {
			p.t.Errorf("%s: the newer version serves, and the test shows nothing", tt.name)
		}
		switch {
		case tt.fault != nil:
			repaired.Store(true)
		case tt.repair != nil:
			p.must(tt.repair(p.t.Context(), newer))
		default:
			newer = p.database()
			p.put(p.secret, newer.URL()+"?sslmode=require")
		}
		right := time.Now()
		p.await("the program moves: "+tt.name, func() bool { return p.works(right, old) })
		p.db = newer
		for _, a := range p.failures()[before:] {
			if a.after(over) || a.ended.Before(outage) || a.isRefusal() {
				p.t.Errorf("%s: a query failed, begun %d ms after the outage: %s", tt.name, a.Began-over.UnixMilli(), a.Error)
			}
		}
	}
	p.end()
}

func (p *program) user(db *postgrestest.Database) string {
	p.t.Helper()
	u, err := url.Parse(db.URL())
	p.must(err)
	return u.User.Username()
}

func (p *program) answered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.answers)
}

func (p *program) hasServed(user string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.answers, func(a answer) bool { return a.User == user })
}

// callsWhenNothingLogsIn puts a version with a wrong password over a good one. The program
// calls only when the good one is dead.
func callsWhenNothingLogsIn(p *program) {
	p.t.Helper()
	newer := p.database()
	var tries atomic.Int32
	newer.Intercept(func() postgrestest.Fault { tries.Add(1); return nil })
	value := newer.URL() + "?sslmode=require"
	p.put(p.secret, withWrongPassword(value))
	p.await("the program tries the newer version for longer than a call waits", func() bool { return tries.Load() > 2 })
	queries := p.answered()
	p.await("300 queries are answered", func() bool { return p.answered() >= queries+300 })
	if n := tries.Load(); n > 8 { // whose intervals grow
		p.t.Errorf("%d tries", n)
	}
	if n := len(p.called()); n > 0 {
		p.t.Errorf("%d calls while the older version logs in", n)
	}
	version := p.current()
	p.rotate()
	p.await("the program calls", func() bool { return len(p.called()) > 0 })
	if c := p.called()[0]; c.Version != version {
		p.t.Errorf("the call names the version %s, want %s", c.Version, version)
	}
	p.put(p.secret, value)
	right := time.Now()
	p.await("the program works", func() bool { return p.works(right, "") })
	p.end()
	p.noQueryIsRefused()
}

func TestNodeRecipeKeepsAVersionThatServes(t *testing.T) {
	t.Parallel()
	dir := nodeFolder(t)
	for _, way := range []string{"secret", "client"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			keepsWhatServes(openShop(t, stacktest.Config{}).startProgram(dir, "node program.mjs", "WAY="+way, "LIFETIME=50"))
		})
	}
	t.Run("and calls when nothing logs in", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, stacktest.Config{})
		bus := s.bus(func(context.Context, []byte) ([]byte, error) { return nil, nil })
		callsWhenNothingLogsIn(s.startProgram(dir, "node program.mjs", "WAY=secret", "LIFETIME=50", "WAIT=60000", "AWS_ENDPOINT_URL_EVENTBRIDGE="+bus.URL))
	})
}

// However many callers wait, one read of the secret serves them all, and while none helps,
// reads grow rare.
func TestNodeRecipeReadsSeldomHoweverManyCallersFail(t *testing.T) {
	t.Parallel()
	readsSeldom(t, nodeFolder(t, "testdata/storm.mjs"), "node", "storm.mjs")
}

// readsSeldom lets a program of testdata ask for connections that it cannot have.
func readsSeldom(t *testing.T, dir, name, script string) {
	t.Helper()
	says := func(sqlstate, message string) func(*postgrestest.Database) error {
		return func(db *postgrestest.Database) error {
			db.Intercept(func() postgrestest.Fault { return postgrestest.Say(sqlstate, message) })
			return nil
		}
	}
	tests := map[string]struct {
		spoil func(*postgrestest.Database) error
		want  string
		most  func(seconds int) int // reads: pauses are at least half of their mean
	}{
		"a refused login":              {says("28P01", "password authentication failed"), "28P01|password authentication failed", pausesOfASecond},
		"an unreachable server":        {(*postgrestest.Database).Refuse, "ECONNREFUSED|Connection refused", pausesOfASecond},
		"a secret that cannot be read": {nil, "EXAMPLE", pausesOfASecond},
		"a full server":                {says("53300", "sorry, too many clients already"), "53300|too many clients", func(seconds int) int { return 2 + seconds }},
	}
	for failure, tt := range tests {
		t.Run(failure, func(t *testing.T) {
			t.Parallel()
			db := postgrestest.Run(t)
			url := ""
			if tt.spoil != nil {
				url = db.URL()
				if err := tt.spoil(db); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), name, script)
			cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "AWS_DEFAULT_REGION=eu-west-1", "DATABASE_URL=" + url}
			out, err := cmd.CombinedOutput()
			var got struct {
				Reads, Elapsed int
				Errors         []string
			}
			if err := errors.Join(err, json.Unmarshal(out, &got)); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if most := tt.most(got.Elapsed / 1000); got.Reads > most {
				t.Errorf("%d reads in %d ms, want at most %d", got.Reads, got.Elapsed, most)
			}
			if len(got.Errors) == 0 || slices.ContainsFunc(got.Errors, func(text string) bool { return !regexp.MustCompile(tt.want).MatchString(text) }) {
				t.Errorf("the callers get %q, want %s", got.Errors, tt.want)
			}
		})
	}
}

// pausesOfASecond is how many reads fit into a time if the pauses grow to a second.
func pausesOfASecond(seconds int) int { return 6 + 2*seconds }

// recipeAnswer is what a recipe makes of a secret.
type recipeAnswer struct {
	keyAnswer
	SSLMode string
}

// readBy gives the secrets to a program of testdata.
func readBy(t *testing.T, dir, name, script string, cases []keyCase) (answers []recipeAnswer) {
	t.Helper()
	input, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), name, script)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for line := range bytes.Lines(out) {
		var got recipeAnswer
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		answers = append(answers, got)
	}
	if len(answers) != len(cases) {
		t.Fatalf("%d answers to %d cases", len(answers), len(cases))
	}
	return answers
}

// The page must show what the tests run.
func TestNodePageShowsTheLinesThatWereRun(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/orm/*.mjs")
	if err != nil {
		t.Fatal(err)
	}
	var run []string
	for _, file := range append(files, "testdata/program.mjs") {
		for line := range strings.Lines(contents(t, file)) {
			run = append(run, strings.TrimSpace(line))
		}
	}
	_, page, _ := strings.Cut(contents(t, "../../../docs/consumers-node.md"), "**One connection**")
	var shown []string
	for _, block := range regexp.MustCompile("(?s)```js\n(.*?)```").FindAllStringSubmatch(page, -1) {
		shown = append(shown, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	for _, span := range regexp.MustCompile("`(const [^`]*)`").FindAllStringSubmatch(page, -1) {
		shown = append(shown, span[1])
	}
	if len(shown) < 15 {
		t.Fatalf("only %d lines were found", len(shown))
	}
	for _, line := range shown {
		if !slices.Contains(run, strings.TrimSpace(line)) {
			t.Errorf("the page shows %q, which no test runs", line)
		}
	}
}

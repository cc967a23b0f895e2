package e2e_test

import (
	"bytes"
	"encoding/json"
	"maps"
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
	"keepcurrent.example/internal/testserver/stacktest"
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
				absent(t, "npm has Node "+version+" for Linux on x64 alone: "+err.Error())
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
	tests := map[string]func(*program) error{
		"42501": func(p *program) error { return p.db.Forbid(p.t.Context()) },
		"53300": func(p *program) error { return p.db.LimitRole(p.t.Context(), 0) },
		"55000": func(p *program) error {
			p.db.Intercept(func() postgrestest.Fault { return postgrestest.Answer("55000") })
			return nil
		},
	}
	for code, close := range tests {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			p := openShop(t, stacktest.Config{}).startProgram(dir, "node program.mjs", "WAY=secret")
			p.put(p.secret, p.database().URL())
			p.ends(close)
			over := time.Now()
			p.await("the program works elsewhere", func() bool { return p.works(over, "") })
			p.end()
			for _, a := range p.failures() {
				if a.Error == code {
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

// ends ends the program's sessions once its server takes no new one.
func (p *program) ends(close func(*program) error) {
	p.t.Helper()
	ctx := p.t.Context()
	conn, err := pgconn.Connect(ctx, p.db.URL()+"?sslmode=require")
	p.must(err)
	p.must(close(p))
	_, err = conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = session_user AND pid <> pg_backend_pid()`).ReadAll()
	p.must(err)
	p.must(conn.Close(ctx))
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

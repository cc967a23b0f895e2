package e2e_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"keepcurrent.example/consumer"
	"keepcurrent.example/internal/report"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/stacktest"
	"keepcurrent.example/internal/testserver/tool"
)

// The blocks of docs/leaving-heroku.md that are run, each by a text that no other has.
const (
	bindBlock      = "create-secret --name shop/database"
	urlsBlock      = "NEW_URL=$(cat new-url)"
	rootBlock      = "--name shop/rds-root"
	ownVarBlock    = "Value=LIVE_DATABASE_URL"
	optOutBlock    = "Value=off"
	readOnlyBlock  = "OLD_URL:?}\" -c 'ALTER ROLE CURRENT_USER SET"
	copyBlock      = "pg_dump"
	configVarBlock = `LIVE_DATABASE_URL="${NEW_URL:?}"`
	jsonBlock      = `"engine"`
	urlBlock       = `printf %s "$NEW_URL"`
	writableBlock  = "RESET default_transaction_read_only"
	varBackBlock   = "--tag-keys heroku:client-tls\n"
	handBackBlock  = "--tag-keys heroku:sync\n"
	untagBlock     = "--tag-keys heroku:app"
)

var leavingBlocks = []string{bindBlock, urlsBlock, rootBlock, ownVarBlock, optOutBlock, readOnlyBlock, copyBlock, configVarBlock,
	jsonBlock, urlBlock, writableBlock, varBackBlock, handBackBlock, untagBlock}

const leavingPage = top + "/docs/leaving-heroku.md"

var anyBlock = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

func TestEveryCommandOfTheLeavingPageIsRunOrSaysThatItIsNot(t *testing.T) {
	t.Parallel()
	page, count := contents(t, leavingPage), 0
	for _, at := range anyBlock.FindAllStringSubmatchIndex(page, -1) {
		text := page[at[4]:at[5]]
		if page[at[2]:at[3]] == "sh" {
			count++
			if n := len(slices.DeleteFunc(slices.Clone(leavingBlocks), func(b string) bool { return !strings.Contains(text, b) })); n != 1 {
				t.Errorf("%d of the test's texts are in the block\n%s", n, text)
			}
			continue
		}
		if after := strings.TrimSpace(page[at[1]:]); !strings.HasPrefix(after, "*Not run") {
			t.Errorf("no test runs this, and the page does not say so:\n%s", text)
		}
	}
	if count != len(leavingBlocks) {
		t.Errorf("the page has %d blocks to run, and the test knows %d", count, len(leavingBlocks))
	}
}

// A reader runs the blocks in their order. Until the data is copied, the new database is empty.
func TestTheLeavingPageMovesNothingBeforeTheCutOver(t *testing.T) {
	t.Parallel()
	before, _, found := strings.Cut(contents(t, leavingPage), "\n### Move\n")
	if !found {
		t.Fatal("the page has no section Move")
	}
	for _, block := range anyBlock.FindAllStringSubmatch(before, -1) {
		for line := range strings.Lines(block[2]) {
			if strings.Contains(line, "NEW_URL") && (strings.Contains(line, "config:set") || strings.Contains(line, "put-secret-value")) {
				t.Errorf("before the data is copied, this leads programs to the new database: %s", line)
			}
		}
	}
}

// Heroku has event triggers and a schema of its own in each database, and extensions in
// another one. None of this can be made by the user of the new database.
func TestLeavingTakesTheDataAndNotWhatIsHerokus(t *testing.T) {
	t.Parallel()
	leavingTools(t)
	cluster, _ := postgrestest.RunWith(t, postgrestest.Options{Method: "trust"}) // so that the superuser can be used
	old, next := ownedDatabase(t, cluster), ownedDatabase(t, cluster)
	if !hasContrib(t, old.URL()) {
		tool.Missing(t, "this Postgres has no contrib modules")
	}
	execute(t, old.superuser(t), "create schema _heroku",
		"create function _heroku.create_ext() returns event_trigger language plpgsql as 'begin end'",
		"create event trigger log_create_ext on ddl_command_end execute function _heroku.create_ext()",
		"create schema heroku_ext authorization "+old.user(t),
		"create extension pg_stat_statements with schema heroku_ext")
	execute(t, old.URL(), "create extension citext with schema heroku_ext",
		"create table heroku_ext.stray (id int)", "insert into heroku_ext.stray values (7)",
		"create table customer (email heroku_ext.citext primary key)", "insert into customer values ('A@example.com')")
	copied := func() (string, error) {
		return runOfPage(t, t.TempDir(), []string{"OLD_URL=" + old.URL(), "NEW_URL=" + next.URL()}, copyBlock)
	}
	if complaint, err := copied(); err == nil || !strings.Contains(complaint, "permission denied to create extension") {
		t.Errorf("an extension that the user may not make: %v: %s", err, complaint)
	}
	if left := ask(t, next.URL(), "select count(*)::text from pg_extension where extname = 'citext'"); left != "0" {
		t.Error("a copy that failed leaves something behind")
	}
	// The page says to make it as another user, and that a copy that failed can be run again.
	execute(t, next.superuser(t), "create schema if not exists heroku_ext authorization "+next.user(t), "create extension pg_stat_statements with schema heroku_ext")
	if complaint, err := copied(); err != nil {
		t.Fatalf("%v: %s", err, complaint)
	}
	for query, want := range map[string]string{
		"select email::text from customer where email = 'a@EXAMPLE.com'":               "A@example.com",
		"select id::text from heroku_ext.stray":                                        "7",
		"select count(*)::text from pg_event_trigger":                                  "0",
		"select count(*)::text from pg_namespace where nspname = '_heroku'":            "0",
		"select (count(*) > 0)::text from pg_stats where tablename = 'customer'":       "true",
		"select count(*)::text from pg_extension where extname = 'pg_stat_statements'": "1",
	} {
		if got := ask(t, next.URL()+"?options=-csearch_path%3Dpublic,heroku_ext", query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

func TestLeavingHeroku(t *testing.T) {
	t.Parallel()
	leavingTools(t)
	cluster, root := postgrestest.RunWith(t, postgrestest.Options{Signed: true})
	for name, check := range map[string]func(*leaver){
		"by the config var": func(l *leaver) { l.moves(prepareConfigVar, moveConfigVar, func(l *leaver) { l.run(varBackBlock) }) },
		"by hand": func(l *leaver) {
			l.moves(func(l *leaver) { l.run(optOutBlock) }, moveByHand, func(l *leaver) { l.run(handBackBlock); l.poll() })
		},
		"a URL that names a file":              aURLThatNamesAFileNeedsTheRootInASecret,
		"RDS's root is in the way of Heroku's": rdsRootIsInTheWayOfHerokusURL,
		"each form by hand is read":            eachFormByHandIsRead,
		"a run that has begun":                 aRunThatHasBegunLosesToTheValueByHand,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(rds{cluster, root}.open(t))
		})
	}
}

// leaver is an app with its database at Heroku, and a second database that it is to move
// to: with a root of its own, as RDS has.
type leaver struct {
	*shop
	next *postgrestest.Database
	root string // the file with the root
	url  string // of the second database, which names that file
	dir  string // where the commands run
}

// rds is the server of the second databases.
type rds struct {
	cluster *postgrestest.Cluster
	root    string
}

func (n rds) open(t *testing.T) *leaver {
	t.Helper()
	s := start(t, stacktest.Config{})
	next, err := n.cluster.NewDatabase(t.Context())
	s.must(err)
	s.Plant(next.Passwords()...)
	db, app := s.database(), s.Heroku.CreateApp("shop")
	l := &leaver{next: next, dir: t.TempDir()}
	l.shop = &shop{stack: s, app: app, addon: s.Heroku.Provision(app, db), db: db, secret: "shop/database"}
	l.root = filepath.Join(l.dir, "rds.pem")
	l.url = next.URL() + "?sslmode=verify-full&sslrootcert=" + l.root
	s.must(errors.Join(os.WriteFile(l.root, []byte(n.root), 0o600), os.WriteFile(filepath.Join(l.dir, "new-url"), []byte(l.url+"\n"), 0o600)))
	l.run(bindBlock)
	if report := s.poll(); report.Published != 1 || l.holds() != db.URL()+"?sslmode=require" {
		t.Fatalf("the first poll: %+v", report)
	}
	if hasContrib(t, db.URL()) {
		s.must(l.exec(db.URL(), "create schema heroku_ext; create extension citext with schema heroku_ext; create table orders (id heroku_ext.citext primary key)"))
	} else {
		s.must(l.exec(db.URL(), "create table orders (id text primary key)"))
	}
	l.subscribe()
	return l
}

// heroku stands in for Heroku's CLI, whose own commands a test of herokutest runs: it
// shows the database's config var, and notes the one that it is to set.
const heroku = `heroku() { case $1 in config:get) echo "$SHOWN" ;; config:set) printf %s "$2" >set ;; *) return 1 ;; esac; }
`

// run runs the page's block with a text, as a person does who has set the variables.
func (l *leaver) run(text string) {
	l.t.Helper()
	u, err := url.Parse(l.url)
	l.must(err)
	password, _ := u.User.Password()
	complaint, err := runOfPage(l.t, l.dir, []string{"AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + l.Secrets.URL, "AWS_DEFAULT_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=EXAMPLE", "AWS_SECRET_ACCESS_KEY=EXAMPLE",
		"SHOWN=" + l.db.URL(), "OLD_URL=" + l.db.URL(), "NEW_URL=" + l.url,
		"NEW_HOST=" + u.Hostname(), "NEW_PORT=" + u.Port(), "NEW_USER=" + u.User.Username(), "NEW_PASSWORD=" + password, "NEW_DB=" + u.Path[1:]}, text)
	if err != nil {
		l.t.Fatalf("%q: %v: %s", text, err, complaint)
	}
	set, err := os.ReadFile(filepath.Join(l.dir, "set"))
	if err != nil {
		return
	}
	l.must(os.Remove(filepath.Join(l.dir, "set")))
	name, value, _ := strings.Cut(string(set), "=")
	_, err = l.Platform.ConfigVarUpdate(l.t.Context(), l.app.Name, map[string]*string{name: &value})
	l.must(err)
}

// runOfPage runs the page's block with a text in a folder and an environment, and returns
// what it writes to its standard error.
func runOfPage(t *testing.T, dir string, env []string, text string) (complaint string, err error) {
	t.Helper()
	var command string
	for _, found := range anyBlock.FindAllStringSubmatch(contents(t, leavingPage), -1) {
		if found[1] == "sh" && strings.Contains(found[2], text) {
			command = found[2]
		}
	}
	if command == "" {
		return "", errors.New("the page has no such block")
	}
	var written bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", heroku+command)
	cmd.Dir, cmd.Stderr = dir, &written
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, env...)
	_, err = cmd.Output()
	if strings.Contains(written.String(), "server version mismatch") {
		tool.Missing(t, "pg_dump is older than the server")
	}
	return written.String(), err
}

func leavingTools(t *testing.T) {
	t.Helper()
	for _, program := range []string{"aws", "psql", "pg_dump", "pg_restore"} {
		tool.Path(t, program)
	}
}

// owned is a database in a server that believes every user, the superuser too.
type owned struct{ *postgrestest.Database }

func ownedDatabase(t *testing.T, c *postgrestest.Cluster) owned {
	t.Helper()
	db, err := c.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return owned{db}
}

func (o owned) user(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(o.URL())
	if err != nil {
		t.Fatal(err)
	}
	return u.User.Username()
}

func (o owned) superuser(t *testing.T) string {
	t.Helper()
	return strings.Replace(o.URL(), "//"+o.user(t)+":", "//postgres:", 1)
}

func execute(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), strings.Join(statements, "; "))
	if err = errors.Join(err, conn.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// ask returns the one text that a query answers.
func ask(t *testing.T, url, query string) (answer string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	err = conn.QueryRow(t.Context(), query).Scan(&answer)
	if err = errors.Join(err, conn.Close(t.Context())); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

// hasContrib reports whether the server has the extensions of Postgres's contrib modules,
// which a server that npm fetches may lack.
func hasContrib(t *testing.T, url string) bool {
	t.Helper()
	return ask(t, url, "select count(*)::text from pg_available_extensions where name in ('citext', 'pg_stat_statements')") == "2"
}

// holds returns the URL in the secret. Its other keys must say the same.
func (l *leaver) holds() string {
	l.t.Helper()
	var got struct {
		Engine, Host, Username, Password, DBName string
		Port                                     int
		URL                                      string `json:"DATABASE_URL"`
	}
	l.must(json.Unmarshal([]byte(l.value(l.secret)), &got))
	u, err := url.Parse(got.URL)
	l.must(err)
	password, _ := u.User.Password()
	if u.Host != fmt.Sprintf("%s:%d", got.Host, got.Port) || u.User.Username() != got.Username || password != got.Password || u.Path != "/"+got.DBName || got.Engine != "postgres" {
		l.t.Error("the keys of the secret contradict its URL")
	}
	return got.URL
}

func (l *leaver) exec(url, statement string) error {
	conn, err := pgx.Connect(l.t.Context(), url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(l.t.Context(), statement)
	return errors.Join(err, conn.Close(l.t.Context()))
}

// traffic is a program that reads and writes all the time, with the package consumer.
type traffic struct {
	l    *leaver
	name string
	end  func()
	mu   sync.Mutex // guards what follows
	done []query
}

// query is one that has ended.
type query struct {
	id       string // of the row, "" for one that only reads
	database string
	sqlstate string // "" if it succeeded, "none" for an error that has none
	began    time.Time
}

const (
	busy     = 4               // workers of a program, and connections
	lifetime = 2 * time.Second // of what a program has read: the page says why it is so short
)

func (l *leaver) traffic() *traffic {
	l.t.Helper()
	source := &consumer.Source{Client: l.AWS, SecretID: l.secret, Lifetime: lifetime}
	config, err := source.PoolConfig(l.t.Context())
	l.must(err)
	config.MaxConns = busy
	pool, err := pgxpool.NewWithConfig(l.t.Context(), config)
	l.must(err)
	ctx, cancel := context.WithCancel(l.t.Context())
	r := &traffic{l: l, name: rand.Text()}
	var working sync.WaitGroup
	r.end = sync.OnceFunc(func() { cancel(); working.Wait(); pool.Close() })
	l.t.Cleanup(r.end)
	for worker := range busy {
		working.Go(func() { r.work(ctx, pool, worker) })
	}
	r.await("the program reads and writes", l.db, time.Time{}, true)
	return r
}

func (r *traffic) work(ctx context.Context, pool *pgxpool.Pool, worker int) {
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		statement, args, q := "select current_database()", []any(nil), query{began: time.Now()}
		if n%2 == 1 {
			q.id = fmt.Sprint(r.name, "-", worker, "-", n)
			statement, args = "insert into orders values ($1) returning current_database()", []any{q.id}
		}
		err := pool.QueryRow(ctx, statement, args...).Scan(&q.database)
		if ctx.Err() != nil {
			return
		}
		var answer *pgconn.PgError
		switch {
		case errors.As(err, &answer):
			q.sqlstate = answer.Code
		case err != nil:
			q.sqlstate = "none"
		}
		r.mu.Lock()
		r.done = append(r.done, q)
		r.mu.Unlock()
		<-pause.C
	}
}

// ended returns the queries that have ended and began after a moment.
func (r *traffic) ended(since time.Time) (all []query) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.done {
		if q.began.After(since) {
			all = append(all, q)
		}
	}
	return all
}

// await waits until a query that began after a moment has succeeded at a database.
func (r *traffic) await(what string, db *postgrestest.Database, since time.Time, writes bool) {
	r.l.t.Helper()
	u, err := url.Parse(db.URL())
	r.l.must(err)
	if !eventually(func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.ContainsFunc(r.done, func(q query) bool {
			return q.began.After(since) && q.sqlstate == "" && q.database == u.Path[1:] && (q.id != "") == writes
		})
	}) {
		r.l.t.Fatalf("it never came about that %s", what)
	}
}

// failed counts the failed queries by their SQLSTATE.
func (r *traffic) failed(since time.Time) map[string]int {
	count := make(map[string]int)
	for _, q := range r.ended(since) {
		if q.sqlstate != "" {
			count[q.sqlstate]++
		}
	}
	return count
}

// kept fails the test unless each row whose insert succeeded is in the second database.
func (r *traffic) kept() {
	r.l.t.Helper()
	ended := r.ended(time.Time{}) // before the look, as the program goes on
	conn, err := pgx.Connect(r.l.t.Context(), r.l.url)
	r.l.must(err)
	rows, err := conn.Query(r.l.t.Context(), "select id from orders")
	r.l.must(err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	r.l.must(errors.Join(err, conn.Close(r.l.t.Context())))
	there := make(map[string]bool)
	for _, id := range ids {
		there[id] = true
	}
	for _, q := range ended {
		if q.id != "" && q.sqlstate == "" && !there[q.id] {
			r.l.t.Errorf("row %s was written, and is lost", q.id)
		}
	}
}

// moves takes a program that reads and writes from the one database to the other, and back.
// It loses no row on the way there.
func (l *leaver) moves(prepare, move, back func(*leaver)) {
	l.t.Helper()
	r := l.traffic()
	l.run(urlsBlock)
	prepare(l)
	if failed := r.failed(time.Time{}); len(failed) > 0 {
		l.t.Errorf("queries fail while nothing has changed: %v", failed)
	}
	l.stopWrites(r)
	l.run(copyBlock)
	move(l)
	moved := time.Now()
	if l.holds() != l.url {
		l.t.Fatal("the secret does not hold the new URL")
	}
	r.await("the program writes to the new database", l.next, moved, true)
	writes := time.Now()
	l.t.Logf("failed: %v of %d, the last %v after AWSCURRENT had moved", r.failed(time.Time{}), len(r.ended(time.Time{})), writes.Sub(moved))
	l.untouchedByHeroku(r, writes)
	l.goesBack(r, back)
	l.staysWithoutTags()
}

// stopWrites makes the database at Heroku read-only: writes fail, and reads go on.
func (l *leaver) stopWrites(r *traffic) {
	l.t.Helper()
	l.run(readOnlyBlock)
	stopped := time.Now()
	if !eventually(func() bool { return r.failed(stopped)["25006"] > 0 }) {
		l.t.Fatal("the program writes on")
	}
	r.await("the program reads", l.db, stopped, false)
}

func prepareConfigVar(l *leaver) {
	l.t.Helper()
	l.run(rootBlock)
	l.Secrets.ResetCalls()
	l.run(ownVarBlock)
	if report := l.poll(); report.Unchanged != 1 {
		l.t.Errorf("a config var with the same value: %+v", report)
	}
	l.untouched()
}

func moveConfigVar(l *leaver) {
	l.t.Helper()
	l.run(configVarBlock)
	l.idle() // the webhook has answered
}

func moveByHand(l *leaver) {
	l.t.Helper()
	l.Secrets.SetListLag(5 * time.Minute) // the tag is not in any list yet
	l.run(jsonBlock)
}

// untouchedByHeroku lets Heroku make a release and the poller poll: the secret stays, and
// no query of the program fails.
func (l *leaver) untouchedByHeroku(r *traffic, since time.Time) {
	l.t.Helper()
	l.app.Set("COLOR", "blue")
	l.idle()
	l.poll()
	if l.holds() != l.url {
		l.t.Error("the new URL was overwritten")
	}
	r.await("the program goes on", l.next, time.Now(), true)
	r.kept()
	if failed := r.failed(since); len(failed) > 0 {
		l.t.Errorf("queries fail after the program has moved: %v", failed)
	}
	for state := range r.failed(time.Time{}) {
		if !slices.Contains([]string{"25006", "57P01", "08003", "none"}, state) {
			l.t.Errorf("a query fails with %s", state)
		}
	}
}

// goesBack runs the page's way back: the program reads and writes at Heroku again.
func (l *leaver) goesBack(r *traffic, back func(*leaver)) {
	l.t.Helper()
	l.Secrets.SetListLag(0)
	l.run(writableBlock)
	back(l)
	l.idle()
	if l.holds() != l.db.URL()+"?sslmode=require" {
		l.t.Fatal("the secret does not hold Heroku's URL again")
	}
	r.end() // the page says to restart
	again := time.Now()
	fresh := l.traffic()
	fresh.await("a program writes at Heroku", l.db, again, true)
	fresh.end()
}

// staysWithoutTags removes the tags. Nothing that happens at Heroku changes the secret.
func (l *leaver) staysWithoutTags() {
	l.t.Helper()
	l.run(untagBlock)
	before := l.value(l.secret)
	l.rotate()
	l.app.Set("LIVE_DATABASE_URL", l.db.URL())
	l.idle()
	if report := l.poll(); report.Bindings != 0 || l.value(l.secret) != before {
		l.t.Errorf("the secret is still followed: %+v", report)
	}
}

// AWS's guide has the root in a file of the app. keepcurrent reads no file, and programs
// may have none at that path.
func aURLThatNamesAFileNeedsTheRootInASecret(l *leaver) {
	r := l.traffic()
	l.run(rootBlock)
	l.run(ownVarBlock)
	publish := func(file string) report.Report {
		l.url = l.next.URL() + "?sslmode=verify-full&sslrootcert=" + file
		l.app.Set("LIVE_DATABASE_URL", l.url)
		return l.poll()
	}
	if report := publish("config/rds-ca-bundle.pem"); report.Held != 1 || !strings.Contains(string(report.Problems[0].Error), "sslrootcert names a file") {
		l.t.Errorf("report: %+v", report)
	}
	l.tag(l.secret, "heroku:client-tls=shop/rds-root")
	// Heroku also delivers the held release again, and the webhook may be faster than the poll.
	if report := l.poll(); report.Published+report.Unchanged != 1 || l.holds() != l.url {
		l.t.Errorf("report: %+v", report)
	}
	source := &consumer.Source{Client: l.AWS, SecretID: l.secret}
	if _, err := source.PoolConfig(l.t.Context()); !errors.Is(err, consumer.ErrSettings) || !strings.Contains(err.Error(), "config/rds-ca-bundle.pem: no such file") {
		l.t.Errorf("a program without the file: %v", err)
	}
	l.stopWrites(r) // cuts the sessions, so that a program that runs reads the secret
	r.await("a program that runs stays at the old database", l.db, time.Now(), false)
	r.end()
	if slices.ContainsFunc(r.ended(time.Time{}), func(q query) bool { return q.sqlstate == "" && strings.HasSuffix(l.next.URL(), "/"+q.database) }) {
		l.t.Error("a program without the file reaches the new database")
	}
	folder, err := os.Getwd()
	l.must(err)
	relative, err := filepath.Rel(folder, l.root)
	l.must(err)
	publish(relative)
	if config, err := source.ConnConfig(l.t.Context()); err != nil || !strings.HasSuffix(l.next.URL(), "/"+config.Database) {
		l.t.Errorf("a program with the file: %v", err)
	}
}

// Heroku's certificate does not come from RDS's root.
func rdsRootIsInTheWayOfHerokusURL(l *leaver) {
	l.run(rootBlock)
	l.run(ownVarBlock)
	l.run(configVarBlock)
	l.idle()
	l.app.Set("LIVE_DATABASE_URL", l.db.URL())
	if report := l.poll(); report.Held != 1 || !strings.Contains(string(report.Problems[0].Error), "certificate could not be verified") || l.holds() != l.url {
		l.t.Errorf("with the tag: %+v", report)
	}
	l.run(varBackBlock)
	l.poll()
	if l.holds() != l.db.URL()+"?sslmode=require" {
		l.t.Error("without the tag the secret does not go back")
	}
	for file, works := range map[string]bool{"": true, l.root: false} {
		psql := exec.CommandContext(l.t.Context(), "psql", l.db.URL()+"?sslmode=require", "-c", "SELECT 1")
		psql.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.dir, "PGSSLROOTCERT=" + file}
		if out, err := psql.CombinedOutput(); (err == nil) != works {
			l.t.Errorf("PGSSLROOTCERT=%s: %s", file, out)
		}
	}
}

// AWS's rotation needs an object without a URL.
func eachFormByHandIsRead(l *leaver) {
	l.run(optOutBlock)
	u, err := url.Parse(l.url)
	l.must(err)
	password, _ := u.User.Password()
	for name, write := range map[string]func(){
		"url": func() { l.run(urlBlock) },
		"json without a URL": func() {
			l.put(l.secret, fmt.Sprintf(`{"engine":"postgres","host":%q,"port":%s,"username":%q,"password":%q,"dbname":%q}`,
				u.Hostname(), u.Port(), u.User.Username(), password, u.Path[1:]))
		},
	} {
		write()
		config, err := (&consumer.Source{Client: l.AWS, SecretID: l.secret}).ConnConfig(l.t.Context())
		if err != nil || config.Host != u.Hostname() || fmt.Sprint(config.Port) != u.Port() {
			l.t.Errorf("%s: %v", name, err)
		}
		if report := l.poll(); report.Off != 1 {
			l.t.Errorf("%s: %+v", name, report)
		}
	}
}

// A run that reads the tags before the secret is opted out may come to its swap after the
// new value was put. AWS refuses the swap, and the run reads the tags again. So the page asks
// nobody to wait.
func aRunThatHasBegunLosesToTheValueByHand(l *leaver) {
	arrived, goOn := make(chan struct{}), make(chan struct{})
	announce, release := sync.OnceFunc(func() { close(arrived) }), sync.OnceFunc(func() { close(goOn) })
	defer release() // also if the test fails, or the servers never close
	l.Secrets.Intercept(func(c secretstest.Call) secretstest.Fault {
		if c.Action != "UpdateSecretVersionStage" {
			return nil
		}
		return func(w http.ResponseWriter, r *http.Request, work http.Handler) {
			announce()
			<-goOn
			work.ServeHTTP(w, r)
		}
	})
	l.rotate()
	<-arrived
	l.run(optOutBlock)
	l.run(jsonBlock)
	release()
	l.idle()
	if l.holds() != l.url {
		l.t.Error("a run that had begun has written Heroku's URL over the new one")
	}
}

package e2e_test

import (
	"flag"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/testserver/stacktest"
)

var proof = flag.Int("proof", 0, "how often TestProof rotates under programs of every kind; 0: it is skipped")

// contestant is a kind of program in TestProof.
type contestant struct {
	what, way string
	prepare   func(t *testing.T, way string) (dir, command string, env []string)
	*program
}

// TestProof rotates one credential under programs of every kind at the same time, and
// prints the table of docs/consumers.md. The old credential is killed at once, or after
// all programs have moved; Heroku calls the compiled webhook by itself.
func TestProof(t *testing.T) {
	if *proof == 0 {
		t.Skip("run it with: make proof")
	}
	s := openShop(t, stacktest.Config{})
	s.subscribe()
	programs := contestants()
	for _, c := range programs {
		dir, command, env := c.prepare(t, c.way)
		c.program = s.startProgram(dir, command, append(env, "LIFETIME=1000")...)
	}
	killed, replaced := make([]tally, len(programs)), make([]tally, len(programs))
	for range *proof {
		measure(programs, killed, s.rotatesAtOnce)
		measure(programs, replaced, func() time.Time { return s.rotatesWithGrace(programs) })
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%d rotations of each kind\n\n| program | killed at once: failed queries | of | longest time without an answer | with a grace period: failed queries | of |\n|---|---|---|---|---|---|\n", *proof)
	for i, c := range programs {
		fmt.Fprintf(&table, "| %s | %s | %d | %d ms | %s | %d |\n", c.what,
			killed[i].failures(), killed[i].queries, killed[i].silence.Milliseconds(), replaced[i].failures(), replaced[i].queries)
	}
	t.Log("\n" + table.String())
	for i, c := range programs {
		c.end()
		if n := replaced[i].failures(); n != "0" {
			t.Errorf("%s: queries failed in a grace period: %s", c.what, n)
		}
	}
}

// rotatesAtOnce kills the credential, and returns when the secret is right.
func (s *shop) rotatesAtOnce() time.Time {
	s.t.Helper()
	s.rotate()
	return s.isRight()
}

// rotatesWithGrace replaces the credential, and kills the old one when all programs have
// moved.
func (s *shop) rotatesWithGrace(programs []*contestant) time.Time {
	s.t.Helper()
	old, err := url.Parse(s.db.URL())
	s.must(err)
	end, err := s.addon.RotateWithGrace(s.t.Context())
	s.must(err)
	right := s.isRight()
	for _, c := range programs {
		c.await(c.what+" has moved", func() bool { return c.works(right, old.User.Username()) })
	}
	s.must(end(s.t.Context()))
	return time.Now()
}

// isRight returns when the secret is equal to the database's URL.
func (s *shop) isRight() time.Time {
	s.t.Helper()
	if !eventually(func() bool { return s.value(s.secret) == s.payload(s.db.URL()) }) {
		s.t.Fatal("the secret never became equal to the database's URL")
	}
	return time.Now()
}

// measure adds what a rotation does to each program, until all work again.
func measure(programs []*contestant, tallies []tally, rotate func() time.Time) {
	began := time.Now()
	after := rotate()
	for _, c := range programs {
		c.await(c.what+" works again", func() bool { return c.works(after, "") })
	}
	for i, c := range programs {
		answers := c.since(began)
		tallies[i].add(answers)
		for _, a := range answers {
			if a.isRefusal() {
				c.t.Errorf("%s: a refused login reached a worker: %s", c.what, a.Error)
			}
		}
	}
}

// since returns the queries that were begun after a moment, in the order of their ends.
func (p *program) since(moment time.Time) (answers []answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.answers {
		if a.after(moment) {
			answers = append(answers, a)
		}
	}
	return answers
}

// tally is what rotations did to a program.
type tally struct {
	queries int
	errors  map[string]int
	silence time.Duration // the longest time without an answer, in any rotation
}

func (t *tally) add(answers []answer) {
	t.queries += len(answers)
	last := time.Time{}
	for _, a := range answers {
		if a.Error != "" {
			if t.errors == nil {
				t.errors = make(map[string]int)
			}
			t.errors[errorKind(a.Error)]++
			continue
		}
		if !last.IsZero() {
			t.silence = max(t.silence, a.ended.Sub(last))
		}
		last = a.ended
	}
}

// errorKind is an SQLSTATE, or what a client says that gives none.
func errorKind(err string) string {
	if len(err) == 5 {
		return err
	}
	return "connection lost"
}

// failures is how many queries failed, and why.
func (t *tally) failures() string {
	total, kinds := 0, []string(nil)
	for _, kind := range slices.Sorted(maps.Keys(t.errors)) {
		total += t.errors[kind]
		kinds = append(kinds, fmt.Sprintf("%s: %d", kind, t.errors[kind]))
	}
	if total == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%s)", total, strings.Join(kinds, ", "))
}

func contestants() []*contestant {
	inGo := func(t *testing.T, way string) (dir, command string, env []string) {
		return t.TempDir(), goProgram(t, ".") + " " + way, nil
	}
	inNode := func(t *testing.T, way string) (dir, command string, env []string) {
		return nodeFolder(t, "testdata/orm/*"), "node program.mjs", []string{"WAY=" + way}
	}
	inPython := func(t *testing.T, way string) (dir, command string, env []string) {
		interpreter, path := frameworks(t)
		return copied(t, recipes+"/*.py", "testdata/program.py"), interpreter + " program.py", []string{"WAY=" + way, path}
	}
	return []*contestant{
		{what: "Go, pgx", way: "pgx", prepare: inGo},
		{what: "Go, database/sql", way: "sql", prepare: inGo},
		{what: "Go, GORM", way: "gorm", prepare: inGo},
		{what: "Node, pg", way: "secret", prepare: inNode},
		{what: "Node, Knex", way: "knex", prepare: inNode},
		{what: "Python, psycopg", way: "psycopg", prepare: inPython},
		{what: "Python, SQLAlchemy with psycopg", way: "sqlalchemy", prepare: inPython},
		{what: "Python, SQLAlchemy with asyncpg", way: "sqlalchemy-asyncpg", prepare: inPython},
	}
}

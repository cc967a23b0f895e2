package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
)

// world is everything outside of the functions: what Heroku shows, which credentials log
// in, and the state of Secrets Manager. It changes only under its lock, and checks the
// promise at each move of AWSCURRENT.
type world struct {
	mu      sync.Mutex // guards everything
	began   time.Time
	tracing bool
	trace   []string
	broken  []string // where the promise was
	vars    []*configVar
	old     time.Duration        // how old an answer of Heroku's may be; zero is not at all
	logins  map[string]*lifetime // by URL as Heroku writes it
	secrets []*simSecret
	// inStep says that calls of one kind which a run makes at one instant take one course.
	// Otherwise the course of a seed depends on the scheduler, which decides what binding
	// of a secret is the first.
	inStep bool

	moves, conflicts, faults, crashes, cut, puts, edits, returns, unread, rebased int
}

// oldAnswers is less than a second, the time between the two reads that must agree.
const oldAnswers = 900 * time.Millisecond

// configVar is one of the app's.
type configVar struct {
	name, host string      // host is how the hosts of its URLs begin
	shown      []string    // every value, in the order of time; "" is none
	since      []time.Time // when Heroku began to show each
}

func newConfigVars() []*configVar {
	return []*configVar{{name: "DATABASE_URL"}, {name: "FOLLOWER_URL", host: "follower-"}, {name: "REPORTS_URL", host: "reports-"}}
}

// url returns the config var's value where DATABASE_URL is this one.
func (v *configVar) url(database string) string { return strings.Replace(database, "@", "@"+v.host, 1) }

// at is the place in shown of what Heroku showed at a time.
func (v *configVar) at(t time.Time) int {
	i := len(v.since) - 1
	for i > 0 && v.since[i].After(t) {
		i--
	}
	return i
}

// lifetime is when a URL logs in. Before and after, the server refuses it, or
// cannot be reached.
type lifetime struct {
	from, until time.Time // zero until: for ever
	unreachable bool
}

func (l *lifetime) alive(now time.Time) bool {
	return !now.Before(l.from) && (l.until.IsZero() || now.Before(l.until))
}

// newWorld has that many secrets, each with a URL alone and a config var of its own.
func newWorld(secrets int, tracing bool) *world {
	w := &world{began: time.Now(), tracing: tracing, vars: newConfigVars(), logins: make(map[string]*lifetime)}
	for i, v := range w.vars[:secrets] {
		w.secrets = append(w.secrets, newSecret(i, false, v))
	}
	return w
}

func (w *world) note(format string, args ...any) {
	if !w.tracing {
		return
	}
	w.trace = append(w.trace, fmt.Sprintf("%12.6f  ", time.Since(w.began).Seconds())+fmt.Sprintf(format, args...))
}

func (w *world) breaks(format string, args ...any) {
	w.broken = append(w.broken, fmt.Sprintf(format, args...))
	w.note("BROKEN: "+format, args...)
}

// count counts the faults.
func (w *world) count(f fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case f.endsTheRun():
		w.crashes++
	case f != none:
		w.faults++
	}
}

// show makes Heroku show the URLs of a database.
func (w *world) show(url string) {
	for _, v := range w.vars {
		w.showAs(v, v.url(url))
	}
}

// showAs makes Heroku show a value of a config var.
func (w *world) showAs(v *configVar, url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v.shown, v.since = append(v.shown, url), append(v.since, time.Now())
	w.note("Heroku shows %s %d: %s", v.name, len(v.shown)-1, host(url))
}

// host returns the host of a URL, which identifies it without its credential.
func host(url string) string {
	_, after, _ := strings.Cut(url, "@")
	name, _, _ := strings.Cut(after, "/")
	return name
}

// showed reports whether Heroku showed the URL at some time from then until now, an old
// answer included.
func (w *world) showed(v *configVar, url string, then time.Time) bool {
	return slices.Contains(v.shown[v.at(then.Add(-w.old)):], url)
}

func (w *world) secret(arn string) *simSecret {
	return w.secrets[slices.IndexFunc(w.secrets, func(s *simSecret) bool { return s.arn == arn })]
}

// bindings is how many there are.
func (w *world) bindings() (n int) {
	for _, s := range w.secrets {
		n += len(s.cells)
	}
	return n
}

// list answers as of some time ago.
func (w *world) list(ago time.Duration) []reconcile.Secret {
	var list []reconcile.Secret
	for _, s := range w.secrets {
		then := s.past[0]
		for _, p := range s.past {
			if time.Since(p.since) >= ago {
				then = p
			}
		}
		list = append(list, s.described(then.current, then.candidate))
	}
	return list
}

func (w *world) stage(a *actor, arn, id string, payload credential.Value) bool {
	s := w.secret(arn)
	if old, exists := s.versions[id]; exists {
		if old.payload != payload.Reveal() {
			w.breaks("%s: version %.8s of two payloads", arn, id)
		}
		return s.current == id
	}
	s.add(id, payload.Reveal())
	if a.moves[arn] > 0 && len(s.cells) > 1 { // another binding of the run has left it a new fence
		w.rebased++
	}
	if s.current == "" {
		w.move(a, s, id)
	}
	s.candidate = id
	s.remember()
	return s.current == id
}

func (w *world) swap(a *actor, arn, to, from string) error {
	s := w.secret(arn)
	if _, exists := s.versions[to]; !exists || s.current != from {
		w.conflicts++
		return reconcile.ErrConflict
	}
	w.move(a, s, to)
	return nil
}

// versions is how many there are.
func (w *world) versions() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.secrets {
		n += len(s.versions)
	}
	return n
}

// move moves AWSCURRENT for a run, and checks the promise.
func (w *world) move(a *actor, s *simSecret, to string) {
	for _, c := range w.changed(a, s, to) {
		w.judgeMove(a, s, c, s.held(s.current, c), s.held(to, c))
	}
	s.current = to
	s.versions[to].isPromoted = true
	s.remember()
	a.moves[s.arn]++
	a.swapped[to] = time.Now()
	w.moves++
}

// judgeMove judges a move of AWSCURRENT that replaces one URL by another.
func (w *world) judgeMove(a *actor, s *simSecret, c *cell, before, after string) {
	w.note("%s: AWSCURRENT of %s from %s to %s", a.name, s.arn, host(before), host(after))
	if after == "" {
		w.breaks("%s: AWSCURRENT is empty", s.arn)
	}
	// Never backwards: the values of AWSCURRENT must be some of the values that Heroku has
	// shown, in the same order. An outdated answer may move it back while the run goes on;
	// [history.judgeEnd] checks the end of the run. What another writer has put does not
	// count: the next value of ours is no older than the one before.
	shown := c.follows.shown
	start := max(c.position, 0)
	at := slices.Index(shown[start:], after)
	if at < 0 && w.old > 0 && w.showed(c.follows, after, a.reads[len(a.reads)-1]) {
		start, at = 0, slices.Index(shown, after)
		w.returns++
	}
	if at < 0 {
		w.breaks("%s: AWSCURRENT went back to %s", s.arn, host(after))
	}
	c.position = start + at
	c.moves++
	// Never worse: a run does not publish a URL that it saw refused while the secret's value
	// still logs in. If the run saw that value refused too, it may have started to log in
	// since; the run cannot know that.
	life, known := w.logins[before]
	if known && life.alive(time.Now()) && a.saw[after] == seenRefused && a.saw[before] != seenRefused {
		w.breaks("%s: %s replaced %s, which logs in", s.arn, host(after), host(before))
	}
	if a.saw[after] == unseen {
		w.breaks("%s: %s was published without a login", s.arn, host(after))
	}
}

// settled checks the state at the end, when all faults are over and a quiet poll has run.
func (w *world) settled() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.secrets {
		for _, c := range s.cells {
			values := len(c.follows.shown)
			if got, want := s.held(s.current, c), c.follows.shown[values-1]; got != want {
				w.breaks("%s: a quiet poll has left %s, Heroku shows %s", s.arn, host(got), host(want))
			}
			again := c.lost
			if !s.isObject { // there a value that cannot be read is put once more
				again = w.puts + w.unread
			}
			if c.moves > values+2*w.returns+again {
				w.breaks("%s: %d publications of %d values of %s", s.arn, c.moves, values, c.follows.name)
			}
		}
		if idle := s.idle(); idle > w.conflicts+len(s.cells)*w.cut+w.rebased {
			w.breaks("%s: %d versions were for nothing, after %d conflicts, %d other publications of the same run and %d runs cut short",
				s.arn, idle, w.conflicts, w.rebased, w.cut)
		}
	}
}

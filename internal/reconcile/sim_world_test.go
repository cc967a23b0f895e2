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
	broken  []string      // where the promise was
	shown   []string      // every value of DATABASE_URL, in the order of time; "" is none
	since   []time.Time   // when Heroku began to show each
	old     time.Duration // how old an answer of Heroku's may be; zero is not at all
	logins  map[string]*lifetime
	secrets []*simSecret

	moves, conflicts, faults, crashes, cut, puts, returns, unread int
}

// oldAnswers is less than a second, the time between the two reads that must agree.
const oldAnswers = 900 * time.Millisecond

// lifetime is when a URL logs in. Before and after, the server refuses it, or
// cannot be reached.
type lifetime struct {
	from, until time.Time // zero until: for ever
	unreachable bool
}

func (l *lifetime) alive(now time.Time) bool {
	return !now.Before(l.from) && (l.until.IsZero() || now.Before(l.until))
}

// simSecret is a simple version of the secrets in package secretstest.
type simSecret struct {
	arn                string
	versions           map[string]string // payload by id
	promoted           map[string]bool
	current, candidate string
	past               []pastSecret // for a list that lags
	position           int          // in world.shown: the earliest that current can stand for
}

type pastSecret struct {
	since              time.Time
	current, candidate string
}

func newWorld(secrets int, tracing bool) *world {
	w := &world{began: time.Now(), tracing: tracing, logins: make(map[string]*lifetime)}
	for i := range secrets {
		w.secrets = append(w.secrets, &simSecret{
			arn:      fmt.Sprint("secret-", i),
			versions: make(map[string]string),
			promoted: make(map[string]bool),
			past:     []pastSecret{{since: w.began}},
			position: -1,
		})
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

// show makes Heroku show a value.
func (w *world) show(url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shown, w.since = append(w.shown, url), append(w.since, time.Now())
	w.note("Heroku shows %d: %s", len(w.shown)-1, host(url))
}

// host returns the host of a URL, which identifies it without its credential.
func host(url string) string {
	_, after, _ := strings.Cut(url, "@")
	name, _, _ := strings.Cut(after, "/")
	return name
}

// at is the place in shown of what Heroku showed at a time.
func (w *world) at(t time.Time) int {
	i := len(w.since) - 1
	for i > 0 && w.since[i].After(t) {
		i--
	}
	return i
}

// showed reports whether Heroku showed the URL at some time from then until now, an old
// answer included.
func (w *world) showed(url string, then time.Time) bool {
	return slices.Contains(w.shown[w.at(then.Add(-w.old)):], url)
}

func (w *world) secret(arn string) *simSecret {
	return w.secrets[slices.IndexFunc(w.secrets, func(s *simSecret) bool { return s.arn == arn })]
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
		list = append(list, tagged(s.arn, then.current, then.candidate))
	}
	return list
}

func tagged(arn, current, candidate string) reconcile.Secret {
	tags := map[string]string{reconcile.AppTag: app, reconcile.FormatTag: "url"}
	if arn != "secret-0" { // so that no two logins of a run are alike
		tags[reconcile.ConfigVarTag] = "FOLLOWER_URL"
	}
	return reconcile.Secret{ARN: arn, Name: arn, Tags: tags, Current: current, Candidate: candidate}
}

func (w *world) stage(a *actor, arn, version string, payload credential.Value) bool {
	s := w.secret(arn)
	if old, exists := s.versions[version]; exists {
		if old != payload.Reveal() {
			w.breaks("%s: version %.8s of two payloads", arn, version)
		}
		return s.current == version
	}
	s.versions[version] = payload.Reveal()
	if s.current == "" {
		w.move(a, s, version)
		a.swapped[arn] = time.Now()
	}
	s.candidate = version
	s.past = append(s.past, pastSecret{time.Now(), s.current, s.candidate})
	return s.current == version
}

func (w *world) swap(a *actor, arn, to, from string) error {
	s := w.secret(arn)
	if _, exists := s.versions[to]; !exists || s.current != from {
		w.conflicts++
		return reconcile.ErrConflict
	}
	w.move(a, s, to)
	a.swapped[arn] = time.Now()
	s.past = append(s.past, pastSecret{time.Now(), s.current, s.candidate})
	return nil
}

// repeat puts the value that is there once more, with the default label.
func (w *world) repeat() {
	for _, s := range w.secrets {
		if s.current == "" {
			continue
		}
		w.puts++
		id := fmt.Sprintf("another tool's put %d", w.puts)
		w.note("%s: %s", s.arn, id)
		s.versions[id] = s.versions[s.current]
		s.current, s.promoted[id] = id, true
		s.past = append(s.past, pastSecret{time.Now(), s.current, s.candidate})
	}
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

// move moves AWSCURRENT and checks the promise.
func (w *world) move(a *actor, s *simSecret, to string) {
	before, after := shownAs(s.versions[s.current]), shownAs(s.versions[to])
	w.note("%s: AWSCURRENT of %s from %s to %s", a.name, s.arn, host(before), host(after))
	if after == "" {
		w.breaks("%s: AWSCURRENT is empty", s.arn)
	}
	// Never backwards: the values of AWSCURRENT must be some of the values that Heroku has
	// shown, in the same order. An outdated answer may move it back while the run goes on;
	// [history.judgeEnd] checks the end of the run.
	start := max(s.position, 0)
	at := slices.Index(w.shown[start:], after)
	if at < 0 && w.old > 0 && w.showed(after, a.reads[len(a.reads)-1]) {
		start, at = 0, slices.Index(w.shown, after)
		w.returns++
	}
	if at < 0 {
		w.breaks("%s: AWSCURRENT went back to %s", s.arn, host(after))
	}
	s.position = start + at
	// Never worse: a run does not publish a URL that it saw refused while the secret's value
	// still logs in. If the run saw that value refused too, it may have started to log in
	// since; the run cannot know that.
	held, known := w.logins[before]
	if known && held.alive(time.Now()) && a.saw[s.versions[to]] == seenRefused && a.saw[s.versions[s.current]] != seenRefused {
		w.breaks("%s: %s replaced %s, which logs in", s.arn, host(after), host(before))
	}
	if a.saw[s.versions[to]] == unseen {
		w.breaks("%s: %s was published without a login", s.arn, host(after))
	}
	s.current = to
	s.promoted[to] = true
	w.moves++
}

// shownAs returns the value of DATABASE_URL that a payload was made from.
func shownAs(payload string) string {
	return strings.Replace(strings.TrimSuffix(payload, "?sslmode=require"), "@follower-", "@", 1)
}

// follower is the value of FOLLOWER_URL beside a value of DATABASE_URL.
func follower(url string) string { return strings.Replace(url, "@", "@follower-", 1) }

// settled checks the state at the end, when all faults are over and a quiet poll has run.
func (w *world) settled() {
	w.mu.Lock()
	defer w.mu.Unlock()
	want := w.shown[len(w.shown)-1]
	for _, s := range w.secrets {
		if got := shownAs(s.versions[s.current]); got != want {
			w.breaks("%s: a quiet poll has left %s, Heroku shows %s", s.arn, host(got), host(want))
		}
		urls := len(w.shown)
		if len(s.promoted) > urls+2*w.returns+w.puts+w.unread {
			w.breaks("%s: %d publications of %d values", s.arn, len(s.promoted), urls)
		}
		if idle := len(s.versions) - len(s.promoted); idle > w.conflicts+w.cut {
			w.breaks("%s: %d versions were for nothing, after %d conflicts and %d runs cut short", s.arn, idle, w.conflicts, w.cut)
		}
	}
}

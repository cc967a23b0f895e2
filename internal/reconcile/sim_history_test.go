package reconcile_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"keepcurrent.example/internal/reconcile"
)

// password is in every URL of the simulation, for the search of the logs.
const password = "pSIM"

// history is one run of the world from one seed.
type history struct {
	*world
	r      *rand.Rand
	seed   uint64
	runs   sync.WaitGroup
	mu     sync.Mutex // guards log
	log    bytes.Buffer
	last   string // the newest URL
	serial int    // the last number that a URL or an announcement was given
	stacks []stack
	// wrong makes a reconciler wrong in one point, for the controls.
	wrong func(*reconcile.Reconciler, *actor)
}

// stack is one deployment of both functions. Where there are two, each has a key of its
// own, so that neither knows the version ids of the other.
type stack struct {
	name            string
	webhook, poller *reconcile.Memory // of warm containers; nil if every run is a cold one
}

func newStack(name string, warm bool) stack {
	if !warm {
		return stack{name: name}
	}
	return stack{name, new(reconcile.Memory), new(reconcile.Memory)}
}

// play runs the history of a seed to its end, in virtual time.
func play(seed uint64, tracing bool, wrong func(*reconcile.Reconciler, *actor)) *history {
	r := rand.New(rand.NewPCG(seed, 0))
	h := &history{world: newWorld(0, tracing), r: r, seed: seed, wrong: wrong}
	h.bind()
	if r.IntN(2) == 0 {
		h.old = oldAnswers
	}
	for _, name := range []string{"", "second "}[:1+r.IntN(2)] {
		h.stacks = append(h.stacks, newStack(name, r.IntN(2) == 0))
	}
	polling, stop := context.WithCancel(context.Background())
	for _, s := range h.stacks {
		h.runs.Go(func() { h.poll(polling, s) })
	}
	if r.IntN(3) == 0 {
		h.runs.Go(func() { h.repeat(polling) })
	}
	for i, s := range h.secrets {
		if s.isObject {
			h.runs.Go(func() { h.edit(polling, s, uint64(i)) })
		}
	}
	h.change(h.fresh(), time.Time{})
	for range 3 + r.IntN(4) {
		time.Sleep(time.Duration(r.Int64N(int64(90 * time.Second))))
		h.happen()
	}
	time.Sleep(time.Duration(r.Int64N(int64(time.Minute))))
	stop()
	h.runs.Wait()
	time.Sleep(10 * time.Minute) // until every late request has arrived and the list is up to date
	if h.quiet("quiet poll") {
		h.settled()
		before := h.versions()
		if h.quiet("idle poll") && h.quiet("last poll") && h.versions() > before {
			h.breaks("idle polls made %d versions", h.versions()-before)
		}
	}
	if strings.Contains(h.log.String(), password) {
		h.breaks("a credential is in the log")
	}
	return h
}

// bind makes the secrets: one or two that hold a URL alone, or one that holds one or two
// among the members of others, perhaps beside one with a URL alone.
func (h *history) bind() {
	switch kind := h.r.IntN(8); kind {
	case 0, 1, 2, 3:
		for i, v := range h.vars[:1+kind%2] { // a config var each, so that no two logins of a run are alike
			h.secrets = append(h.secrets, newSecret(i, false, v))
		}
	case 4, 5:
		h.secrets = append(h.secrets, newSecret(0, true, h.vars[0]))
	case 6, 7:
		h.secrets = append(h.secrets, newSecret(0, true, h.vars[:2]...))
	}
	if s := h.secrets[0]; s.isObject {
		s.hasConsole = h.r.IntN(2) == 0
		if h.r.IntN(2) == 0 {
			h.anotherMoves(s, h.another(s, "a person", someMembers))
		}
		if h.r.IntN(3) == 0 {
			h.secrets = append(h.secrets, newSecret(1, false, h.vars[2]))
		}
	}
	h.inStep = len(h.secrets[0].cells) == 1 || h.r.IntN(2) == 0
	h.tracing = h.tracing || !h.inStep // it may not come back
}

// quiet lets every stack poll once, without faults.
func (h *history) quiet(name string) (ok bool) {
	ok = true
	for _, s := range h.stacks {
		ok = h.run(s.name+name, s.name, s.poller, false, poll) && ok
		time.Sleep(10 * time.Minute) // the list is up to date again
	}
	return ok
}

func (h *history) fresh() string {
	h.serial++
	return fmt.Sprintf("postgres://u:%s%d@db-%d.example:5432/d", password, h.serial, h.serial)
}

// change makes Heroku show a URL that logs in from a time on (zero: at once). Those of the
// other config vars may log in later.
func (h *history) change(url string, from time.Time) {
	for i, v := range h.vars {
		later := from
		if i > 0 && h.r.IntN(5) == 0 {
			later = time.Now().Add(time.Duration(h.r.Int64N(int64(20 * time.Second))))
		}
		h.locked(func() {
			if h.logins[v.url(url)] == nil {
				h.logins[v.url(url)] = &lifetime{from: later}
			}
		})
	}
	h.last = url
	h.show(url)
}

// show makes Heroku show the URLs of a database, "" for none. One of them may be late, and
// be missing until then.
func (h *history) show(url string) {
	late := h.r.IntN(6 * len(h.vars))
	for i, v := range h.vars {
		switch {
		case i != late:
			h.showAs(v, v.url(url))
		case h.r.IntN(2) == 0:
			h.showAs(v, "")
		}
	}
	if late < len(h.vars) {
		time.Sleep(upTo(5*time.Second, h.r))
		h.showAs(h.vars[late], h.vars[late].url(url))
	}
}

// each calls f with the lifetime of each URL of a database.
func (h *history) each(url string, f func(*lifetime)) {
	h.locked(func() {
		for _, v := range h.vars {
			f(h.logins[v.url(url)])
		}
	})
}

func (h *history) locked(f func()) {
	h.world.mu.Lock()
	defer h.world.mu.Unlock()
	f()
}

// happen lets Heroku do one of the things that it does.
func (h *history) happen() {
	now, short := time.Now(), time.Duration(h.r.Int64N(int64(5*time.Second)))
	old := h.last
	switch h.r.IntN(10) {
	case 0: // a rotation; the old credential dies at once, and the new one may be shown late
		h.each(old, func(l *lifetime) { l.until = now })
		h.announce()
		time.Sleep(short)
		h.change(h.fresh(), time.Time{})
	case 1: // a rotation with a grace time
		h.each(old, func(l *lifetime) { l.until = now.Add(time.Minute + 10*short) })
		h.change(h.fresh(), time.Time{})
	case 2: // a failover; the old host is gone, and the new one comes up
		h.each(old, func(l *lifetime) { l.until, l.unreachable = now, true })
		url := h.fresh()
		h.locked(func() {
			for _, v := range h.vars {
				h.logins[v.url(url)] = &lifetime{from: now.Add(short), unreachable: true}
			}
		})
		h.change(url, time.Time{})
	case 3: // a credential that is shown before it logs in
		h.each(old, func(l *lifetime) { l.until = now.Add(short) })
		h.change(h.fresh(), now.Add(2*short))
	case 4: // a promotion, with no config var in between, of a new database or of one that was there
		h.show("")
		h.announce()
		time.Sleep(short)
		h.change(h.promotable(), time.Time{})
	case 5: // a deploy
	case 6, 7: // there and back: a value that Heroku takes back at once
		h.change(h.fresh(), time.Time{})
		h.announce()
		time.Sleep(short)
		if h.logins[old].until.IsZero() {
			h.change(old, time.Time{})
		}
	case 8, 9: // a follower is replaced, and nothing else
		v := h.vars[1]
		url := v.url(h.fresh())
		h.locked(func() { h.logins[url] = &lifetime{from: now} })
		h.showAs(v, url)
	}
	h.announce()
}

// promotable is a URL that logs in: an old one or a fresh one.
func (h *history) promotable() string {
	for _, url := range h.vars[0].shown[:len(h.vars[0].shown)-1] {
		if url != "" && url != h.last && h.logins[url].until.IsZero() && h.r.IntN(2) == 0 {
			return url
		}
	}
	return h.fresh()
}

// announce sends the two events of a release; each may be lost, doubled or late.
func (h *history) announce() {
	h.serial++
	for _, action := range []string{"create", "update"} {
		for copy := range h.r.IntN(3) {
			s := h.stacks[h.r.IntN(len(h.stacks))]
			name := fmt.Sprintf("%swebhook %d %s %d", s.name, h.serial, action, copy)
			delay := latency(h.r)
			h.runs.Go(func() {
				time.Sleep(delay)
				if !h.run(name, s.name, s.webhook, true, update) { // Heroku tries again
					time.Sleep(30 * time.Second)
					h.run(name+" again", s.name, s.webhook, true, update)
				}
			})
		}
	}
}

// update is a run of the webhook.
func update(k *reconcile.Reconciler, ctx context.Context) ([]reconcile.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, 27*time.Second)
	defer cancel()
	k.Patience = 10 * time.Second
	var bindings []reconcile.Binding
	secrets, err := k.Secrets.List(ctx)
	for _, s := range secrets {
		all, _ := reconcile.ParseBindings(s)
		bindings = append(bindings, all...)
	}
	return k.Update(ctx, bindings), err
}

func poll(k *reconcile.Reconciler, ctx context.Context) ([]reconcile.Result, error) {
	return k.Poll(ctx, reconcile.Round{})
}

// poll runs a poller every minute, also if the one before is still at work.
func (h *history) poll(ctx context.Context, s stack) {
	for n := 0; wait(ctx, time.Minute); n++ {
		h.runs.Go(func() { h.run(fmt.Sprint(s.name, "poller ", n), s.name, s.poller, true, poll) })
	}
}

// repeat is another tool, which puts the value that is there again and again.
func (h *history) repeat(ctx context.Context) {
	for wait(ctx, 37*time.Second) {
		h.locked(h.world.repeat)
	}
}

// run is one run of a function, and reports whether it did all it had to.
func (h *history) run(name, key string, memory *reconcile.Memory, faulty bool, what func(*reconcile.Reconciler, context.Context) ([]reconcile.Result, error)) (ok bool) {
	a := newActor(h.world, h.seed, name, faulty)
	k := &reconcile.Reconciler{Secrets: a, Heroku: func(string) reconcile.Heroku { return a }, Database: a, Keys: keys(key + "key-EXAMPLE"), Memory: memory}
	k.SetJitter(func(pause time.Duration) time.Duration {
		a.live()
		return pause/2 + time.Duration(a.draw("pause").Int64N(int64(pause/2)))
	})
	if h.wrong != nil {
		h.wrong(k, a)
	}
	done := make(chan struct{})
	go func() { // a goroutine of its own, which a death ends
		defer close(done)
		results, err := what(k, context.Background())
		a.live()
		ok = h.judge(results, err)
		h.locked(func() { h.judgeEnd(a, results) })
	}()
	<-done
	if !ok {
		h.locked(func() { h.cut++ })
	}
	return ok
}

// judge logs the results as the functions do, and reports whether all is well.
func (h *history) judge(results []reconcile.Result, err error) (ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	log := slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	log.Info("run", "error", err)
	ok = err == nil
	for _, r := range results {
		r.Log(context.Background(), log)
		ok = ok && (r.Outcome == reconcile.Published || r.Outcome == reconcile.Unchanged)
	}
	return ok
}

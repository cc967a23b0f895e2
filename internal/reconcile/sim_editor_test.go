package reconcile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Writers of other keys count their edits under a key of their own.
const (
	carefulKey = "edits of the careful"
	consoleKey = "edits by the console"
)

// someMembers is an object of a person's, with what a writer could spoil.
const someMembers = "{\n  \"STRIPE\": \"sk-\\u0041\\/\",\t\"price\":1.50 ,\"big\" : 12345678901234567890,\"nested\":{ \"database_url\":\"mine\", \"a\":[1, 2 ] }, \"\":null }\n"

// edited returns the object with one more edit under the key.
func edited(object, key string, dice *rand.Rand) string {
	if from, to, found := span(object, key); found {
		n, _ := strconv.Atoi(object[from:to])
		return object[:from] + strconv.Itoa(n+1) + object[to:]
	}
	switch end := strings.LastIndexByte(object, '}'); {
	case end < 0:
		return fmt.Sprintf("{ %q :1}", key)
	case dice.IntN(2) == 0:
		return fmt.Sprintf("{ %q:1,%s", key, strings.TrimPrefix(object, "{"))
	default:
		return fmt.Sprintf("%s,%q : 1 %s", object[:end], key, object[end:])
	}
}

// spelt returns the object as a form writes it that shows it to a person.
func spelt(object string, dice *rand.Rand) string {
	var out bytes.Buffer
	switch dice.IntN(6) {
	case 0:
		_ = json.Compact(&out, []byte(object))
	case 1:
		_ = json.Indent(&out, []byte(object), "", "  ")
	default:
		return object
	}
	return out.String()
}

// another makes a version of another writer's.
func (w *world) another(s *simSecret, name, value string) (id string) {
	w.edits++
	id = fmt.Sprint(name, " ", w.edits)
	s.add(id, value).isAnother = true
	return id
}

// anotherMoves moves AWSCURRENT for another writer. An old copy has old URLs of ours, which
// stay until the next run finds them.
func (w *world) anotherMoves(s *simSecret, id string) {
	for _, c := range s.cells {
		if s.held(s.current, c) != s.held(id, c) {
			c.lost++
			w.note("%s: %s has %s", s.arn, id, host(s.held(id, c)))
		}
	}
	w.note("%s: AWSCURRENT to %s", s.arn, id)
	s.current, s.versions[id].isPromoted = id, true
	s.count = countOf(s.value(id))
	s.remember()
}

// byConsole puts an edit of a copy of the value with the default label.
func (w *world) byConsole(s *simSecret, copied string, dice *rand.Rand) {
	w.anotherMoves(s, w.another(s, "a person", spelt(edited(copied, consoleKey, dice), dice)))
}

// carefully swaps from the version that was read, and reports whether it was still current.
func (w *world) carefully(s *simSecret, from, to string) bool {
	if s.current != from {
		w.note("%s: %s is too late", s.arn, to)
		return false
	}
	w.anotherMoves(s, to)
	return true
}

// repeat puts the value that is there once more, with the default label.
func (w *world) repeat() {
	for _, s := range w.secrets {
		if s.current != "" {
			w.puts++
			w.anotherMoves(s, w.another(s, "another tool", s.value(s.current)))
		}
	}
}

// edit lets others edit a secret now and then, each taking its time.
func (h *history) edit(ctx context.Context, s *simSecret, n uint64) {
	dice := rand.New(rand.NewPCG(h.seed, n))
	for wait(ctx, upTo(2*time.Minute, dice)) {
		if s.hasConsole && dice.IntN(2) == 0 {
			var copied string
			h.locked(func() { copied = s.value(s.current) })
			time.Sleep(upTo(time.Minute, dice)) // a form is open
			h.locked(func() { h.byConsole(s, copied, dice) })
			continue
		}
		for range 5 {
			if h.editCarefully(s, dice) {
				break
			}
		}
	}
}

// editCarefully reads what is current, puts an edit under a label of its own and swaps. It
// reports whether that is the end: a swap that is refused begins again.
func (h *history) editCarefully(s *simSecret, dice *rand.Rand) (ended bool) {
	var from, value, to string
	steps := []func(){
		func() { from = s.current },
		func() { value = s.value(from) },
		func() {
			if to = h.another(s, "a careful writer", edited(value, carefulKey, dice)); s.current == "" { // as AWS treats a first value
				h.anotherMoves(s, to)
				ended = true
			}
		},
		func() { ended = h.carefully(s, from, to) },
	}
	for _, step := range steps {
		time.Sleep(latency(dice))
		if ended || dice.IntN(25) == 0 { // it dies
			return true
		}
		h.locked(step)
	}
	return ended
}

// older is a version from before, if possible one that had another URL of ours.
func (s *simSecret) older(dice *rand.Rand) (id string) {
	for range 5 {
		id = s.past[dice.IntN(len(s.past))].current
		for _, c := range s.cells {
			if url := s.held(id, c); url != "" && url != s.held(s.current, c) {
				return id
			}
		}
	}
	return id
}

// isFirst reports whether this is the first call of the run that asks so.
func (a *actor) isFirst() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls["first"]++
	return a.calls["first"] == 1
}

// disturb lets another writer edit a secret at once, at some instant of a run's call.
func (a *actor) disturb(kind string, t trip) {
	s := a.world.secrets[0]
	share := 60
	switch isDescribe := strings.HasPrefix(kind, "describe"); {
	case isDescribe && !a.world.inStep && a.isFirst(): // between the fences of two bindings
		share = 2
	case isDescribe:
		share = 12
	}
	if !a.faulty || !s.isObject || t.dice.IntN(share) > 0 {
		return
	}
	dice := rand.New(rand.NewPCG(t.dice.Uint64(), 0))
	go func() {
		time.Sleep(upTo(t.request+t.answer, dice))
		a.world.mu.Lock()
		defer a.world.mu.Unlock()
		if s.hasConsole && dice.IntN(2) == 0 {
			copied := s.current
			if dice.IntN(2) == 0 {
				copied = s.older(dice)
			}
			a.world.byConsole(s, s.value(copied), dice)
			return
		}
		to := a.world.another(s, "a careful writer", edited(s.value(s.current), carefulKey, dice))
		a.world.carefully(s, s.current, to)
	}()
}

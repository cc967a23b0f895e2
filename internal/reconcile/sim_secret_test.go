package reconcile_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"keepcurrent.example/internal/reconcile"
)

// simSecret is a simple version of the secrets in package secretstest. It has one URL, or
// an object with URLs among the members of others.
type simSecret struct {
	arn                string
	isObject           bool
	cells              []*cell
	versions           map[string]*simVersion
	current, candidate string
	past               []pastSecret // for a list that lags
	count              int          // of the other writers' edits, as AWSCURRENT ought to have it
	hasConsole         bool         // somebody edits it by a plain put
}

// cell is the place of one binding's URL: a key, or the whole value.
type cell struct {
	follows  *configVar
	index    int // of the cell in its secret
	key      string
	position int // in follows.shown: the earliest that the URL of the last move can stand for
	moves    int // of ours
	lost     int // how often another writer's copy of the value had another URL
}

type simVersion struct {
	payload               string
	urls                  []string // by cell, as Heroku writes them; "" is none
	isPromoted, isAnother bool     // isAnother: another writer put it
}

type pastSecret struct {
	since              time.Time
	current, candidate string
}

func newSecret(n int, isObject bool, vars ...*configVar) *simSecret {
	s := &simSecret{arn: fmt.Sprint("secret-", n), isObject: isObject, versions: make(map[string]*simVersion)}
	for i, v := range vars {
		s.cells = append(s.cells, &cell{follows: v, index: i, key: strings.ToLower(v.name), position: -1})
	}
	s.remember()
	return s
}

func (s *simSecret) remember() {
	s.past = append(s.past, pastSecret{time.Now(), s.current, s.candidate})
}

// described is what AWS tells of the secret.
func (s *simSecret) described(current, candidate string) reconcile.Secret {
	tags := map[string]string{reconcile.AppTag: app, reconcile.FormatTag: "url", reconcile.ConfigVarTag: s.cells[0].follows.name}
	if s.isObject {
		tags[reconcile.FormatTag], tags[reconcile.KeyTag] = "key", s.cells[0].key
		for _, c := range s.cells[1:] {
			tags[reconcile.ConfigVarTag] += " " + c.follows.name
			tags[reconcile.KeyTag] += " " + c.key
		}
	}
	return reconcile.Secret{ARN: s.arn, Name: s.arn, Tags: tags, Current: current, Candidate: candidate}
}

// add makes a version.
func (s *simSecret) add(id, payload string) *simVersion {
	v := &simVersion{payload: payload}
	for _, c := range s.cells {
		if s.isObject {
			v.urls = append(v.urls, urlIn(payload, c.key))
		} else {
			v.urls = append(v.urls, shownAs(payload))
		}
	}
	s.versions[id] = v
	return v
}

// urlIn is the URL that an object holds under a key, as Heroku writes it, "" for none.
func urlIn(object, key string) (url string) {
	if from, to, found := span(object, key); found && json.Unmarshal([]byte(object[from:to]), &url) != nil {
		return "no text"
	}
	return shownAs(url)
}

// held is the URL that a version holds for a cell, "" if it has none.
func (s *simSecret) held(id string, c *cell) string {
	if id == "" {
		return ""
	}
	return s.versions[id].urls[c.index]
}

// value is that of a version, "" before the first one.
func (s *simSecret) value(id string) string {
	if id == "" {
		return ""
	}
	return s.versions[id].payload
}

func (s *simSecret) cell(configVar string) *cell {
	for _, c := range s.cells {
		if c.follows.name == configVar {
			return c
		}
	}
	return nil
}

// idle is how many versions of ours never had AWSCURRENT.
func (s *simSecret) idle() (n int) {
	for _, v := range s.versions {
		if !v.isPromoted && !v.isAnother {
			n++
		}
	}
	return n
}

// shownAs returns the config var's value that a URL was made from.
func shownAs(url string) string { return strings.TrimSuffix(url, "?sslmode=require") }

// changed returns the cells that a move changes. In an object it is one, and all else that
// the version with AWSCURRENT has stays, byte for byte.
func (w *world) changed(a *actor, s *simSecret, to string) (changed []*cell) {
	if !s.isObject {
		return s.cells
	}
	before, after := s.value(s.current), s.value(to)
	for _, c := range s.cells {
		if s.held(s.current, c) != s.held(to, c) {
			changed = append(changed, c)
		}
	}
	if count := countOf(after); count != s.count {
		w.breaks("%s: %s lost an edit: the count of the other writers went from %d to %d", s.arn, a.name, s.count, count)
	}
	if len(changed) != 1 {
		w.breaks("%s: %s changed %d keys with one move", s.arn, a.name, len(changed))
	} else if !differsOnlyIn(before, after, changed[0].key) {
		w.breaks("%s: %s changed more than its key: %s became %s", s.arn, a.name, before, after)
	}
	return changed
}

// span is where the value of a member stands in the text of an object.
func span(object, key string) (from, to int, found bool) {
	decoder := json.NewDecoder(strings.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		return 0, 0, false
	}
	for decoder.More() {
		name, err := decoder.Token()
		var value json.RawMessage
		if err != nil || decoder.Decode(&value) != nil {
			return 0, 0, false
		}
		if to := int(decoder.InputOffset()); name == key {
			return to - len(value), to, true
		}
	}
	return 0, 0, false
}

// differsOnlyIn reports whether an object became another one by a new value of the key, or
// by the key behind all other members.
func differsOnlyIn(before, after, key string) bool {
	from, to, found := span(after, key)
	if !found || !json.Valid([]byte(after)) {
		return false
	}
	if oldFrom, oldTo, stood := span(before, key); stood {
		return before[:oldFrom] == after[:from] && before[oldTo:] == after[to:]
	}
	if before == "" {
		before = "{}"
	}
	head, isNext := strings.CutSuffix(after[:from], strconv.Quote(key)+":")
	return isNext && strings.TrimSuffix(head, ",")+after[to:] == before && strings.TrimSpace(after[to:]) == "}"
}

// countOf is the sum of what the other writers have counted in an object.
func countOf(object string) (n int) {
	for _, key := range []string{carefulKey, consoleKey} {
		if from, to, found := span(object, key); found {
			count, err := strconv.Atoi(object[from:to])
			if err != nil {
				return -1
			}
			n += count
		}
	}
	return n
}

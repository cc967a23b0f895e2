package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// answer is the part of the poller's answer to a dry run that the table needs.
type answer struct {
	DryRun        bool
	Bindings      int
	Plan          []line
	Subscriptions []subscription // none if the stack leaves subscriptions alone
	// LeftOut counts the lines that the answer has no space for, by the list's name.
	LeftOut map[string]int

	// If the function failed, Lambda answers with these instead
	// (https://docs.aws.amazon.com/lambda/latest/dg/golang-exceptions.html).
	ErrorMessage, ErrorType text
}

// line is one binding.
type line struct {
	Secret, App, ConfigVar text
	Outcome                text
	Changes                []text
	LogsIn                 *bool // nil if it was not tried
	Error                  text
}

// subscription is the webhook of one app.
type subscription struct{ App, State, Error text }

// text is untrusted: a tag can have any character, and a terminal executes some of them.
// Decoding removes the characters that cannot be printed.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	*t = text(strings.Map(printable, s))
	return nil
}

func printable(r rune) rune {
	switch {
	case unicode.IsPrint(r):
		return r
	case unicode.IsSpace(r): // some errors have several lines
		return ' '
	}
	return unicode.ReplacementChar
}

// read reads the first JSON value, since the AWS CLI writes its own after the answer. It
// sorts the plan by mark.
func read(r io.Reader) (answer, error) {
	var a answer
	err := json.NewDecoder(r).Decode(&a)
	switch {
	case errors.Is(err, io.EOF):
		return a, errors.New("stdin is empty: the poller was not asked, or its answer went elsewhere")
	case err != nil:
		return a, fmt.Errorf("stdin has no answer of the poller: %w", err)
	case a.ErrorMessage != "" || a.ErrorType != "":
		return a, fmt.Errorf("the poller failed: %s (%s)", a.ErrorMessage, cmp.Or(a.ErrorType, "no type given"))
	case !a.DryRun:
		return a, errors.New(`stdin has no answer to a dry run: ask the poller with {"dryRun":true}, and pipe its answer (a redirection of /dev/stdout loses it)`)
	case len(a.Plan)+a.LeftOut["plan"] != a.Bindings:
		return a, fmt.Errorf("the answer counts %d bindings and its plan has %d: it is cut off, or the poller is older than this program: deploy it again", a.Bindings, len(a.Plan)+a.LeftOut["plan"])
	}
	slices.SortStableFunc(a.Plan, func(x, y line) int {
		return cmp.Or(cmp.Compare(x.mark(), y.mark()), cmp.Compare(x.Secret, y.Secret))
	})
	return a, nil
}

// mark is the state of a binding. The table is sorted by it.
type mark int

const (
	failed mark = iota
	held
	noLogin // consumers are down, and the poller has nothing better
	unknown // an outcome that this program is too old for
	deferred
	change
	off
	ok
	marks // how many there are
)

var words = [marks]string{"FAILED", "HELD", "NO LOGIN", "UNKNOWN", "deferred", "would change", "off", "ok"}

func (m mark) String() string { return words[m] }

// outcomes are the marks of the poller's outcomes, if a login was not refused.
var outcomes = map[text]mark{"failed": failed, "held": held, "deferred": deferred, "published": change, "off": off, "unchanged": ok}

func (l line) mark() mark {
	m, known := outcomes[l.Outcome]
	refused := l.LogsIn != nil && !*l.LogsIn
	switch {
	case !known:
		return unknown
	case refused && (m == change || m == ok || m == held && len(l.Changes) == 0):
		return noLogin
	}
	return m
}

// counts returns how many bindings have each mark.
func (a answer) counts() (n [marks]int) {
	for _, l := range a.Plan {
		n[l.mark()]++
	}
	return n
}

// isWell reports whether every binding was checked and none needs a person. It ignores
// webhooks: a wrong one only delays changes.
func (a answer) isWell() bool { return len(a.Plan) == 0 || a.Plan[0].mark() > deferred }

// needy returns the secrets that the next poll alone will not repair.
func (a answer) needy() (names []text) {
	for _, l := range a.Plan {
		if l.mark() < deferred {
			names = append(names, l.Secret)
		}
	}
	return names
}

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"keepcurrent.example/internal/report"
)

// answer is the poller's answer to a dry run.
type answer struct {
	report.Report

	lines map[report.Text]int // of the plan, by secret

	// If the function failed, Lambda answers with these instead
	// (https://docs.aws.amazon.com/lambda/latest/dg/golang-exceptions.html).
	ErrorMessage, ErrorType report.Text
}

// read reads the first JSON value, since the AWS CLI may have written its own after the
// answer. It sorts the plan by mark.
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
	slices.SortStableFunc(a.Plan, func(x, y report.Line) int {
		return cmp.Or(cmp.Compare(markOf(x), markOf(y)), cmp.Compare(x.Secret, y.Secret), cmp.Compare(x.ConfigVar, y.ConfigVar))
	})
	a.lines = make(map[report.Text]int)
	for _, l := range a.Plan {
		a.lines[l.Secret]++
	}
	return a, nil
}

// isOneOfSeveral reports whether the line's secret follows other config vars as well.
func (a answer) isOneOfSeveral(l report.Line) bool { return a.lines[l.Secret] > 1 }

// name returns what the line is about: the secret, with the config var if it follows several.
func (a answer) name(l report.Line) report.Text {
	if a.isOneOfSeveral(l) {
		return l.Secret + " " + l.ConfigVar
	}
	return l.Secret
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
var outcomes = map[report.Text]mark{"failed": failed, "held": held, "deferred": deferred, "published": change, "off": off, "unchanged": ok}

func markOf(l report.Line) mark {
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
		n[markOf(l)]++
	}
	return n
}

// isWell reports whether every binding was checked, and neither a binding nor a webhook needs
// a person. A webhook of which nothing is known needs none.
func (a answer) isWell() bool {
	return (len(a.Plan) == 0 || markOf(a.Plan[0]) > deferred) && len(a.wrongWebhooks()) == 0
}

// wrongWebhooks names the apps that the alarm WebhookWrong is about.
func (a answer) wrongWebhooks() []report.Text {
	return a.webhooksThatAre("missing", "wrong", "doubled")
}

// webhooksThatAre names the apps whose webhook is in one of these states.
func (a answer) webhooksThatAre(states ...string) (apps []report.Text) {
	for _, s := range a.Subscriptions {
		if slices.Contains(states, stateOf(s)) {
			apps = append(apps, s.App)
		}
	}
	return apps
}

// needy returns the names of what the next poll alone will not repair.
func (a answer) needy() (names []report.Text) {
	for _, l := range a.Plan {
		if markOf(l) < deferred {
			names = append(names, a.name(l))
		}
	}
	return names
}

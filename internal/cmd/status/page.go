package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// fold is how many lines of a kind are shown unless all are asked for.
	fold = 40
	// paper is how wide a paragraph is.
	paper = 78
	// widest is how wide a column gets; what is longer moves the rest of its line.
	widest = 40
)

// page is the output: the table, the errors, and the verdict.
type page struct {
	out    io.Writer
	all    bool
	colour bool
}

func (p page) print(a answer) {
	if len(a.Plan) > 0 {
		p.table(a)
		fmt.Fprintln(p.out)
	}
	p.errors(a)
	p.webhooks(a)
	if lacks := a.leftOut(); lacks != "" {
		p.paragraph(lacks)
	}
	p.paragraph(a.verdict())
}

// limit is how many of n are shown.
func (p page) limit(n int) int {
	if p.all {
		return n
	}
	return min(n, fold)
}

// table prints a line for each binding.
func (p page) table(a answer) {
	shown := make([]line, 0, len(a.Plan))
	counts := a.counts()
	var seen [marks]int
	for _, l := range a.Plan {
		if m := l.mark(); seen[m] < p.limit(counts[m]) {
			seen[m]++
			shown = append(shown, l)
		}
	}
	rows := [][]string{a.header()}
	for _, l := range shown {
		rows = append(rows, a.row(l))
	}
	widths := columns(rows)
	p.row(rows[0], widths, "")
	for i, l := range shown {
		m := l.mark()
		p.row(rows[i+1], widths, m.paint())
		last := i+1 == len(shown) || shown[i+1].mark() != m
		if more := counts[m] - seen[m]; last && more > 0 {
			p.row([]string{m.String(), fmt.Sprintf("… and %d more (-all lists them)", more)}, widths, m.paint())
		}
	}
}

func (a answer) header() []string {
	if len(a.Subscriptions) == 0 {
		return []string{"", "SECRET", "APP", "LOGS IN", "DIFFERS IN"}
	}
	return []string{"", "SECRET", "APP", "LOGS IN", "WEBHOOK", "DIFFERS IN"}
}

func (a answer) row(l line) []string {
	app := string(l.App)
	if l.ConfigVar != "DATABASE_URL" {
		app += " " + string(l.ConfigVar)
	}
	row := []string{l.mark().String(), string(l.Secret), app, l.login()}
	if len(a.Subscriptions) > 0 {
		row = append(row, a.webhook(l.App))
	}
	return append(row, join(l.Changes))
}

func (l line) login() string {
	switch {
	case l.LogsIn == nil:
		return "–"
	case *l.LogsIn:
		return "yes"
	}
	return "no"
}

// webhook is the state of the app's webhook.
func (a answer) webhook(app text) string {
	i := slices.IndexFunc(a.Subscriptions, func(s subscription) bool { return s.App == app })
	if i < 0 {
		return "–"
	}
	return a.Subscriptions[i].String()
}

func (s subscription) String() string {
	if s.Error != "" {
		return "error"
	}
	return string(s.State)
}

// columns are the widths that fit the rows.
func columns(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], min(utf8.RuneCountInString(cell), widest))
		}
	}
	return widths
}

// row prints the cells; paint colours the first.
func (p page) row(cells []string, widths []int, paint string) {
	var b strings.Builder
	for i, cell := range cells {
		b.WriteString(cell)
		b.WriteString(strings.Repeat(" ", max(widths[i]-utf8.RuneCountInString(cell), 0)+2))
	}
	row := strings.TrimRight(b.String(), " ")
	if p.colour && paint != "" {
		row = paint + row[:len(cells[0])] + "\x1b[0m" + row[len(cells[0]):]
	}
	fmt.Fprintln(p.out, row)
}

// paint is the escape sequence that begins the mark's colour.
func (m mark) paint() string {
	switch {
	case m.needsYou():
		return "\x1b[31m" // red
	case m <= change:
		return "\x1b[33m" // yellow
	}
	return "\x1b[32m" // green
}

// errors prints each error once, with the names of all that have it.
func (p page) errors(a answer) {
	names := make(map[text][]text)
	var order []text
	add := func(name, problem text) {
		if problem == "" {
			return
		}
		if names[problem] == nil {
			order = append(order, problem)
		}
		names[problem] = append(names[problem], name)
	}
	for _, l := range a.Plan {
		add(l.Secret, l.problem())
	}
	for _, s := range a.Subscriptions {
		add("webhook of "+s.App, s.Error)
	}
	n := p.limit(len(order))
	for _, problem := range order[:n] {
		p.paragraph(some(names[problem]) + ": " + string(problem))
		fmt.Fprintln(p.out)
	}
	if more := len(order) - n; more > 0 {
		p.paragraph(fmt.Sprintf("… and %d more errors (-all lists them)\n", more))
		fmt.Fprintln(p.out)
	}
}

// webhooks names the apps whose webhook is not right.
func (p page) webhooks(a answer) {
	var apps []text
	for _, s := range a.Subscriptions {
		if s.String() != "right" {
			apps = append(apps, s.App)
		}
	}
	if n := len(apps); n > 0 {
		p.paragraph(fmt.Sprintf("The %s of %s %s not right: until then a change may wait for a poll.",
			plural(n, "webhook", "webhooks"), some(apps), plural(n, "is", "are")))
	}
}

// problem returns the error without the parts that the line shows already.
func (l line) problem() text {
	known := fmt.Sprintf("app %s, config var %s, secret %s: ", l.App, l.ConfigVar, l.Secret)
	return text(strings.TrimPrefix(string(l.Error), known))
}

// paragraph prints words and wraps between them.
func (p page) paragraph(words string) {
	width := 0
	for _, word := range strings.Fields(words) {
		n := utf8.RuneCountInString(word)
		switch {
		case width == 0:
		case width+1+n > paper:
			fmt.Fprint(p.out, "\n  ")
			width = 2
		default:
			fmt.Fprint(p.out, " ")
			width++
		}
		fmt.Fprint(p.out, word)
		width += n
	}
	fmt.Fprintln(p.out)
}

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/report"
)

const (
	// fold is how many lines of a kind are shown unless all are asked for.
	fold = 40
	// paper is how wide a paragraph is.
	paper = 78
	// widest is how wide a column gets; what is longer moves the rest of its line.
	widest = 40
)

// page is the output: the table, the errors, the webhooks, and the verdict.
type page struct {
	out   io.Writer
	all   bool
	stack string // its name, "" if that is not known
}

func (p page) print(a answer) {
	if len(a.Plan) > 0 {
		p.table(a)
		fmt.Fprintln(p.out)
	}
	p.errors(a)
	p.webhooks(a)
	for _, paragraph := range []string{a.credentials(), a.leftOut(), a.verdict()} {
		if paragraph != "" {
			p.paragraph(paragraph)
		}
	}
}

// table prints a line for each binding. It aligns the cells.
func (p page) table(a answer) {
	rows := p.rows(a)
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i := 0; len(row) == len(widths) && i < len(row); i++ {
			widths[i] = max(widths[i], min(utf8.RuneCountInString(row[i]), widest))
		}
	}
	for _, row := range rows {
		text := ""
		for i, cell := range row {
			text += fmt.Sprintf("%-*s  ", widths[i], cell)
		}
		fmt.Fprintln(p.out, strings.TrimRight(text, " "))
	}
}

// rows returns the cells of the table. A row of two cells says how many lines of a kind
// are folded.
func (p page) rows(a answer) [][]string {
	rows := [][]string{{"", "SECRET", "APP", "LOGS IN", "CREDENTIAL", "WEBHOOK", "DIFFERS IN"}}
	counts := a.counts()
	var seen [marks]int
	for _, l := range a.Plan {
		m := markOf(l)
		seen[m]++
		switch {
		case p.all || seen[m] <= fold:
			rows = append(rows, a.row(l))
		case seen[m] == counts[m]:
			rows = append(rows, []string{m.String(), fmt.Sprintf("… and %d more (ALL=1 or -all lists them)", counts[m]-fold)})
		}
	}
	isSaid := map[string]bool{"WEBHOOK": len(a.Subscriptions) > 0, "CREDENTIAL": slices.ContainsFunc(a.Plan, hasCredential)}
	for column := len(rows[0]) - 1; column >= 0; column-- {
		if said, optional := isSaid[rows[0][column]]; optional && !said {
			for i, row := range rows {
				if column < len(row) {
					rows[i] = slices.Delete(row, column, column+1)
				}
			}
		}
	}
	return rows
}

func (a answer) row(l report.Line) []string {
	app, login, webhook := string(l.App), "–", "–"
	if l.ConfigVar != "DATABASE_URL" || a.isOneOfSeveral(l) {
		app += " " + string(l.ConfigVar)
	}
	if l.LogsIn != nil {
		login = map[bool]string{true: "yes", false: "no"}[*l.LogsIn]
	}
	if i := slices.IndexFunc(a.Subscriptions, func(s report.Subscription) bool { return s.App == l.App }); i >= 0 {
		webhook = stateOf(a.Subscriptions[i])
	}
	return []string{markOf(l).String(), string(l.Secret), app, login, cmp.Or(string(l.Credential), "–"), webhook, differs(l.Changes)}
}

// differs names the parts of the secret that would change. The name of a key is quoted, for
// it can be any word.
func differs(changes []report.Text) string {
	parts := slices.Clone(changes)
	for i, part := range parts {
		if key, ok := strings.CutPrefix(string(part), "key "); ok {
			parts[i] = report.Text(fmt.Sprintf("key %q", key))
		}
	}
	return join(parts)
}

func hasCredential(l report.Line) bool { return l.Credential != "" }

func stateOf(s report.Subscription) string {
	if s.Error != "" {
		return "error"
	}
	return string(s.State)
}

// errors prints each error once, with the names of all that have it.
func (p page) errors(a answer) {
	names := make(map[report.Text][]report.Text)
	var order []report.Text
	add := func(name, problem report.Text) {
		if problem == "" {
			return
		}
		if names[problem] == nil {
			order = append(order, problem)
		}
		names[problem] = append(names[problem], name)
	}
	for _, l := range a.Plan {
		add(a.name(l), problem(l))
	}
	for _, s := range a.Subscriptions {
		add("webhook of "+s.App, s.Error)
	}
	for i, problem := range order {
		if i == fold && !p.all {
			p.paragraph(fmt.Sprintf("… and %d more errors (ALL=1 or -all lists them)\n", len(order)-fold))
			fmt.Fprintln(p.out)
			break
		}
		p.paragraph(some(names[problem]) + ": " + string(problem))
		fmt.Fprintln(p.out)
	}
}

// webhooks says which webhooks are not right, and the commands that repair them, which it does
// not wrap.
func (p page) webhooks(a answer) {
	if wrong := a.wrongWebhooks(); wrong != nil {
		p.paragraph("Without exactly one right webhook: " + some(wrong) + ". While it is missing or wrong, only polls find a change. " +
			"The poller repairs it within an hour, if the stack's token may write webhooks. This does it now, with your own Heroku login:")
		for _, app := range wrong[:min(len(wrong), few)] {
			if reconcile.IsApp(string(app)) { // or it is nothing to paste
				fmt.Fprintf(p.out, "make subscribe APP=%s STACK=%s\n", app, cmp.Or(p.stack, "name"))
			}
		}
		fmt.Fprintln(p.out)
	}
	if unknown := a.webhooksThatAre("unknown", "error"); unknown != nil {
		p.paragraph("Whether the webhook is right is unknown: " + some(unknown) + ". See yourself: heroku webhooks -a APP")
	}
}

// problem returns the error without the parts that the line shows already.
func problem(l report.Line) report.Text {
	known := fmt.Sprintf("app %s, config var %s, secret %s: ", l.App, l.ConfigVar, l.Secret)
	return report.Text(strings.TrimPrefix(string(l.Error), known))
}

// paragraph prints words and wraps between them.
func (p page) paragraph(words string) {
	text := ""
	for i, word := range strings.Fields(words) {
		switch {
		case i == 0:
			text = word
		case utf8.RuneCountInString(text+" "+word) > paper:
			fmt.Fprintln(p.out, text)
			text = "  " + word
		default:
			text += " " + word
		}
	}
	fmt.Fprintln(p.out, text)
}

// Package runbook reads docs/runbook.md for the tests: what the page says of an error, and the
// queries that it asks a person to run.
package runbook

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Row is one row of "What an error means".
type Row struct {
	Texts []string // parts of errors; a dot in the digits of a status stands for any
	Do    string   // the remedy
}

var (
	tableRow = regexp.MustCompile(`(?m)^\| ([^|]*` + "`" + `[^|]*) \| (.*) \|$`)
	inCode   = regexp.MustCompile("`([^`]+)`")
	query    = regexp.MustCompile(`(?m)^ask '([^']+)'`)
)

// Read returns the page. root is the top of the repository.
func Read(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "runbook.md"))
	return string(text), err
}

// Rows returns the rows of a page.
func Rows(page string) (rows []Row, err error) {
	_, after, found := strings.Cut(page, "\n## What an error means\n")
	section, _, ends := strings.Cut(after, "\n## ")
	if !found || !ends {
		return nil, errors.New("the runbook has no section for errors")
	}
	for _, cells := range tableRow.FindAllStringSubmatch(section, -1) {
		row := Row{Do: cells[2]}
		for _, text := range inCode.FindAllStringSubmatch(cells[1], -1) {
			row.Texts = append(row.Texts, text[1])
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Queries returns the queries that a page runs with ask.
func Queries(page string) (all []string) {
	for _, found := range query.FindAllStringSubmatch(page, -1) {
		all = append(all, found[1])
	}
	return all
}

// Find returns the row of an error as the page tells a person to look for it: of all that
// match, the one whose text ends last, and the longest of these.
func Find(rows []Row, message string) (found Row, ok bool) {
	last, length := 0, 0
	for _, row := range rows {
		for _, text := range row.Texts {
			if end := lastEnd(message, text); end > last || end == last && ok && len(text) > length {
				found, ok, last, length = row, true, end, len(text)
			}
		}
	}
	return found, ok
}

// Matches reports whether an error's message contains one of the row's texts.
func (r Row) Matches(message string) bool {
	for _, text := range r.Texts {
		if lastEnd(message, text) > 0 {
			return true
		}
	}
	return false
}

// status is a status of which not all digits are given.
var status = regexp.MustCompile(`(\d)\\\.\\\.$`)

// lastEnd returns where a text ends for the last time in a message, 0 if it is not there.
func lastEnd(message, text string) int {
	pattern := regexp.MustCompile(status.ReplaceAllString(regexp.QuoteMeta(text), `$1\d\d`))
	matches := pattern.FindAllStringIndex(message, -1)
	if len(matches) == 0 {
		return 0
	}
	return matches[len(matches)-1][1]
}

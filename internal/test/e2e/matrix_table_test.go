package e2e_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// matrixTable is the matrix as Markdown.
type matrixTable struct {
	mu    sync.Mutex // guards what follows
	cells map[cell]outcome
	took  map[string]time.Duration // the longest run, by fault and kind of run
}

func (t *matrixTable) add(c cell, o outcome, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cells == nil {
		t.cells, t.took = map[cell]outcome{}, map[string]time.Duration{}
	}
	t.cells[c] = o
	kind := kindOfRun(c.name, c.trigger, c.lasts)
	t.took[kind] = max(t.took[kind], took)
}

func kindOfRun(fault, trigger string, lasts bool) string {
	return fmt.Sprint(fault, trigger, lasts)
}

// longest returns how many seconds the longest run with each fault took. No test
// depends on it.
func (t *matrixTable) longest() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var text strings.Builder
	fmt.Fprintf(&text, "%-20s%15s%16s%14s%15s\n", "seconds", "webhook, once", "webhook, always", "poller, once", "poller, always")
	for _, f := range faults {
		fmt.Fprintf(&text, "%-20s", f.name)
		for _, run := range []struct {
			trigger string
			lasts   bool
			width   int
		}{{webhook, false, 15}, {webhook, true, 16}, {poller, false, 14}, {poller, true, 15}} {
			cell := "·"
			if took, known := t.took[kindOfRun(f.name, run.trigger, run.lasts)]; known {
				cell = fmt.Sprintf("%.1f", took.Seconds())
			}
			fmt.Fprintf(&text, "%*s", run.width, cell)
		}
		text.WriteString("\n")
	}
	return text.String()
}

// String returns a table with a row for each call and fault. Faults of one call that have
// the same outcomes share a row.
func (t *matrixTable) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := [][]string{{"call", "fault", "meets"}, nil}
	for _, column := range columns {
		rows[0] = append(rows[0], column.trigger+", "+column.situation)
	}
	for _, known := range knownCalls {
		for _, lasts := range []bool{false, true} {
			rows = append(rows, t.rowsOf(known.call, lasts)...)
		}
	}
	return markdown(rows)
}

// answers are all that a run can answer in the matrix; see bench.run.
var answers = []string{"204", "500", "503", "published", "unchanged", "held", "deferred", "failed"}

// digest returns how often each fault had each answer, and a checksum of the whole table,
// which changes with every cell.
func (t *matrixTable) digest() string {
	const format = "%-20s%5v%5v%5v%11v%11v%6v%10v%8v\n"
	checksum := sha256.Sum256([]byte(t.String()))
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := map[string]int{}
	for c, o := range t.cells {
		counts[c.name+o.answer]++
		counts["all"+o.answer]++
	}
	var text strings.Builder
	line := func(name string, cell func(answer string) any) {
		row := []any{name}
		for _, answer := range answers {
			row = append(row, cell(answer))
		}
		fmt.Fprintf(&text, format, row...)
	}
	line("", func(answer string) any { return answer })
	for _, f := range append(slices.Clip(faults), &fault{name: "all"}) {
		line(f.name, func(answer string) any { return counts[f.name+answer] })
	}
	fmt.Fprintf(&text, "%d cells, SHA-256 of the table %.8x\n", len(t.cells), checksum)
	return text.String()
}

func (t *matrixTable) rowsOf(c call, lasts bool) [][]string {
	var rows [][]string
	seen := map[string]int{}
	for _, f := range faults {
		row := []string{c.String(), f.name, map[bool]string{false: "one call", true: "every call"}[lasts]}
		fared := ""
		for _, column := range columns {
			text := "·"
			if o, tried := t.cells[cell{column.trigger, column.situation, c, f, lasts}]; tried {
				text = o.String()
				fared += text
			}
			row = append(row, text)
		}
		at, known := seen[strings.Join(row[3:], "|")]
		switch {
		case fared == "":
		case known:
			rows[at][1] += ", " + f.name
		default:
			seen[strings.Join(row[3:], "|")] = len(rows)
			rows = append(rows, row)
		}
	}
	return rows
}

// markdown aligns the rows; the second one is the line below the head.
func markdown(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	for _, width := range widths {
		rows[1] = append(rows[1], strings.Repeat("-", width))
	}
	var text strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			fmt.Fprintf(&text, "| %-*s ", widths[i], cell)
		}
		text.WriteString("|\n")
	}
	return text.String()
}

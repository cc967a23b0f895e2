package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// sample is a series of measurements.
type sample []time.Duration

// spread returns the minimum, the median and the maximum; zero of a series that was not
// measured.
func (s sample) spread() (least, median, most time.Duration) {
	if len(s) == 0 {
		return 0, 0, 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[0], sorted[len(sorted)/2], sorted[len(sorted)-1]
}

func (s sample) median() time.Duration {
	_, median, _ := s.spread()
	return median
}

// row begins a row of a table: the name and the spread.
func (s sample) row(name string) []string {
	least, median, most := s.spread()
	return []string{name, ms(least), ms(median), ms(most)}
}

func ms(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= 100*time.Millisecond:
		return fmt.Sprintf("%.0f ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

func ratio(a, b time.Duration) string { return fmt.Sprintf("%.2f", a.Seconds()/b.Seconds()) }

// page is the result of a run, in Markdown.
type page struct{ strings.Builder }

// table writes a table under a heading and shows it.
func (p *page) table(heading string, head []string, rows [][]string, notes ...string) {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", heading)
	widths := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	line := func(row []string) {
		for i := range head {
			cell := ""
			if i < len(row) {
				cell = row[i]
			}
			fmt.Fprintf(&b, "| %s%s ", cell, strings.Repeat(" ", widths[i]-len([]rune(cell))))
		}
		b.WriteString("|\n")
	}
	line(head)
	for _, w := range widths {
		b.WriteString("|" + strings.Repeat("-", w+2))
	}
	b.WriteString("|\n")
	for _, row := range rows {
		line(row)
	}
	for _, note := range notes {
		fmt.Fprintf(&b, "\n%s\n", note)
	}
	b.WriteString("\n")
	fmt.Print(b.String())
	p.WriteString(b.String())
}

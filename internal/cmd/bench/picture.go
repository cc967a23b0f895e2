package main

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// The picture's measures, in pixels.
const (
	rowHeight = 44
	left      = 20
	width     = 760
	top       = 64
)

// The scale is logarithmic, from a tenth of a second to two hours.
var (
	shortest = 100 * time.Millisecond
	longest  = 2 * time.Hour
	ticks    = []struct {
		at   time.Duration
		text string
	}{{shortest, "0.1 s"}, {time.Second, "1 s"}, {10 * time.Second, "10 s"}, {time.Minute, "1 min"}, {5 * time.Minute, "5 min"}, {time.Hour, "1 h"}}
)

func x(d time.Duration) float64 {
	d = min(max(d, shortest), longest)
	return left + (width-2*left)*math.Log(float64(d)/float64(shortest))/math.Log(float64(longest)/float64(shortest))
}

// way is how a secret gets right after a rotation, and how long that takes.
type way struct {
	name                string
	least, median, most time.Duration
}

// draw makes a picture of how long a secret is wrong: a bar from min to max, and a mark at
// the median.
func draw(ways []way) string {
	height := top + rowHeight*len(ways) + 20
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" role="img">`+"\n", width, height)
	fmt.Fprintf(&s, "<title>From a rotation until the secret is right</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", width, height)
	fmt.Fprintf(&s, `<text x="%d" y="22" font-size="16" fill="#222">From a rotation until the secret is right: min, median or average, max (logarithmic)</text>`+"\n", left)
	for _, t := range ticks {
		middle := max(x(t.at), left+14) // of the text, whose first one would begin outside
		fmt.Fprintf(&s, `<text x="%.1f" y="46" text-anchor="middle" fill="#666">%s</text><path d="M%.1f 52V%d" stroke="#ddd"/>`+"\n", middle, t.text, x(t.at), height-12)
	}
	for i, w := range ways {
		y := top + rowHeight*i
		colour := "#b45309"
		if strings.HasPrefix(w.name, "the webhook") {
			colour = "#15803d"
		}
		fmt.Fprintf(&s, `<text x="%d" y="%d" fill="#222">%s: %s</text>`+"\n", left, y+14, html.EscapeString(strings.ReplaceAll(w.name, "`", "")), about(w.median))
		fmt.Fprintf(&s, `<rect x="%.1f" y="%d" width="%.1f" height="12" rx="3" fill="%s" fill-opacity="0.35"/>`, x(w.least), y+20, max(x(w.most)-x(w.least), 3), colour)
		fmt.Fprintf(&s, `<rect x="%.1f" y="%d" width="4" height="18" fill="%s"/>`+"\n", x(w.median)-2, y+17, colour)
	}
	s.WriteString("</svg>\n")
	return s.String()
}

func about(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < 5*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

package report

import (
	"encoding/json"
	"strings"
	"unicode"
)

// The bounds of a report. The report of a round is one line of the log, and CloudWatch
// limits a log event to 1 MiB, formerly to 256 KiB
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html).
// Lambda limits an answer to 6 MB
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html); the lists of a
// dry run have at most 5.3 MB together. Sizes are measured in JSON, so neither long names
// nor characters that JSON escapes make a report too large.
const (
	MaxNamed = 100    // lines of changes, of problems, and of a round's subscriptions
	maxList  = 80_000 // bytes of each of them

	maxPlan          = 5000 // lines of a plan
	maxPlanBytes     = 4_500_000
	maxApps          = 20_000 // lines of a dry run's subscriptions
	maxSubscriptions = 600_000
)

// fit returns as many of the first lines of a list as the bounds allow, and counts the
// others in the report.
func fit[T any](r *Report, name string, list []T, most, bytes int) []T {
	n := 0
	for n < min(len(list), most) {
		text, err := json.Marshal(list[n])
		if bytes -= len(text) + len(","); err != nil || bytes < 0 {
			break
		}
		n++
	}
	if n < len(list) {
		if r.LeftOut == nil {
			r.LeftOut = make(map[string]int)
		}
		r.LeftOut[name] = len(list) - n
	}
	return list[:n]
}

// Text is text of a report. When it is read it counts as untrusted: a tag can have any
// character, and a terminal executes some of them. Reading replaces the characters that
// cannot be printed, and white space by blanks.
type Text string

// UnmarshalJSON reads the text.
func (t *Text) UnmarshalJSON(raw []byte) error {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	*t = Text(strings.Map(printable, s))
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

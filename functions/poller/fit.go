package main

import "encoding/json"

// How much a report says. A round's report is one line of a log, and an event of
// CloudWatch's had at most 256 KiB before it had 1 MiB
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html).
// What Lambda returns has at most 6 MB
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html): the lists of a
// dry run have 5.3 MB together. Sizes are those of the JSON, so no length of a name, and
// no character that JSON escapes, makes a report too large.
const (
	maxNamed = 100    // lines of changes, of problems, and of a round's subscriptions
	maxList  = 80_000 // bytes of each of them

	maxPlan          = 5000 // lines of a plan
	maxPlanBytes     = 4_500_000
	maxApps          = 20_000 // lines of a dry run's subscriptions
	maxSubscriptions = 600_000
)

// fit returns the first lines of a list, as many as there may be, and counts in the
// report what it leaves out.
func fit[T any](r *report, name string, list []T, most, bytes int) []T {
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

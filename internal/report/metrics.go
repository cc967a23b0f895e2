package report

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"keepcurrent.example/internal/reconcile"
)

// Metrics are written in CloudWatch's embedded format: a line of JSON in the log, from
// which CloudWatch makes metrics without a request
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).

// Namespace is the metrics' namespace in CloudWatch.
const Namespace = "keepcurrent"

// Dimension is the only dimension of the metrics: the function, which is also the
// trigger. With a dimension for apps or secrets, each app or secret would cost the price
// of another metric.
const Dimension = "FunctionName"

// The units, as CloudWatch spells them.
const (
	count        = "Count"
	seconds      = "Seconds"
	milliseconds = "Milliseconds"
)

// MetricUnits are all metrics, by name, with their units. A count that is zero is not written,
// because CloudWatch charges for each metric in each hour in which it is written. Only a
// round writes always: GoodRounds is its heartbeat, and Bindings and HerokuRequestsLeft tell of
// the state.
var MetricUnits = map[string]string{
	"Bindings": count, // that a round saw; 0 only if this container saw some before

	// Outcomes of a run.
	"Published": count,
	"Unchanged": count, // by the webhook
	"Held":      count,
	"Failed":    count,
	"Deferred":  count,

	"InTrouble":          count,        // failed or held, in a round or in their last checks before it, or written too often
	"Overdue":            count,        // deferred for much longer than their interval
	"Pending":            count,        // what a paused stack would have published
	"Conflicts":          count,        // swaps lost to other writers
	"WrittenTooOften":    count,        // bindings of which this container put more than 4 versions within an hour
	"WebhookWrong":       count,        // webhooks that a round found missing or wrong and may not repair
	"OnlyReplicas":       count,        // 1 if a round saw replicas of other Regions and nothing else
	"LookedAgain":        count,        // bindings for which Heroku was asked again
	"CalledByConsumer":   count,        // updates that a consumer called for, because its credential was refused
	"FoundByPoller":      count,        // changes that the webhook should have brought
	"TokenRefused":       count,        // bindings whose token Heroku refuses for the account, too
	"Lag":                seconds,      // from Heroku's release to AWSCURRENT
	"LoginTime":          milliseconds, // of one login
	"HerokuRequestsLeft": count,        // of the account that has the fewest
	"BadSignatures":      count,        // requests answered 401
	"GoodRounds":         count,        // 1 if no binding failed, else 0
	"GoodRoundAge":       seconds,      // since the last good round, in a round that is not good, if this container had one
}

// maxValues is how many values of one metric a line may carry, by the specification.
const maxValues = 100

// Metrics is what one run has measured, by the names of [MetricUnits].
type Metrics map[string][]float64

// Add adds a value.
func (s Metrics) Add(name string, value float64) { s[name] = append(s[name], value) }

// Count adds a count unless it is zero.
func (s Metrics) Count(name string, n int) {
	if n != 0 {
		s.Add(name, float64(n))
	}
}

// Writer writes metrics.
type Writer struct {
	Out      io.Writer
	Function string // the value of [Dimension]
}

// Stdout returns the writer of a Lambda function, whose standard output is its log.
func Stdout() Writer {
	return Writer{Out: os.Stdout, Function: os.Getenv("AWS_LAMBDA_FUNCTION_NAME")}
}

// Write writes the metrics, in as many lines as its longest list of values needs.
func (w Writer) Write(set Metrics) {
	for from := 0; ; from += maxValues {
		part := set.part(from)
		if len(part) == 0 {
			return
		}
		w.line(part)
	}
}

// part is what a line may carry of the values from that one on.
func (s Metrics) part(from int) Metrics {
	part := make(Metrics)
	for name, values := range s {
		if from < len(values) {
			part[name] = values[from:min(from+maxValues, len(values))]
		}
	}
	return part
}

type definition struct{ Name, Unit string }

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []definition
}

type metadata struct {
	Timestamp         int64 // milliseconds since 1970
	CloudWatchMetrics []directive
}

func (w Writer) line(set Metrics) {
	d := directive{Namespace: Namespace, Dimensions: [][]string{{Dimension}}}
	line := map[string]any{Dimension: w.Function}
	for name, values := range set {
		d.Metrics = append(d.Metrics, definition{name, MetricUnits[name]})
		line[name] = values
	}
	line["_aws"] = metadata{Timestamp: time.Now().UnixMilli(), CloudWatchMetrics: []directive{d}}
	text, err := json.Marshal(line)
	if err != nil {
		return // JSON has no infinity and no NaN, and nothing here measures one
	}
	// One write, so that no other line comes in between. Its error is dropped: if the log
	// is gone, there is no place to report it.
	_, _ = w.Out.Write(append(text, '\n'))
}

// outcomes are the metrics that count the outcomes of bindings. Bindings that are off
// have none.
var outcomes = map[reconcile.Outcome]string{
	reconcile.Published: "Published",
	reconcile.Unchanged: "Unchanged",
	reconcile.Held:      "Held",
	reconcile.Failed:    "Failed",
	reconcile.Deferred:  "Deferred",
}

// Measure measures the results of one run.
func Measure(results []reconcile.Result) Metrics {
	set := make(Metrics)
	counts := make(map[string]int)
	for _, r := range results {
		switch name, counted := outcomes[r.Outcome]; {
		case r.Outcome == reconcile.Published && r.Moved.IsZero(): // a pause
			counts["Pending"]++
		case counted:
			counts[name]++
		}
		counts["Conflicts"] += r.Conflicts
		if r.Repeats > 0 {
			counts["LookedAgain"]++
		}
		if r.TooOften {
			counts["WrittenTooOften"]++
		}
		if errors.Is(r.Err, reconcile.ErrToken) {
			counts["TokenRefused"]++
		}
		if lag, known := r.Lag(); known {
			set.Add("Lag", lag.Seconds())
		}
		if r.Login != nil {
			set.Add("LoginTime", float64(r.Login.Took)/float64(time.Millisecond))
		}
	}
	for name, n := range counts {
		set.Count(name, n)
	}
	return set
}

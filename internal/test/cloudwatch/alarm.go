package cloudwatch

import "slices"

// The states of an alarm.
const (
	OK    = "OK"
	ALARM = "ALARM"
)

// Further is how many periods the evaluation range has beyond those that are evaluated. AWS
// does not say; in its example, three are evaluated of a range of five.
const Further = 2

// Data has the values of metrics by the minute in which they were measured.
type Data map[Metric]map[int][]float64

// Add adds a value.
func (d Data) Add(m Metric, minute int, value float64) {
	if d[m] == nil {
		d[m] = make(map[int][]float64)
	}
	d[m][minute] = append(d[m][minute], value)
}

// States returns the alarm's state at the end of each of that many minutes. further is how many
// periods the evaluation range has beyond those that are evaluated, such as [Further]. Before
// the first minute the state was OK.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
func (a Alarm) States(data Data, minutes, further int) []string {
	states := make([]string, minutes)
	state := OK
	for end := 1; end <= minutes; end++ {
		if end%a.Period == 0 {
			state = a.next(state, a.points(data[a.Metric], end, further))
		}
		states[end-1] = state
	}
	return states
}

// A point is what is known of one period.
type point int

const (
	missing point = iota
	fine
	breaching
)

// points are those of the evaluation range that ends at a minute, the newest last.
func (a Alarm) points(values map[int][]float64, end, further int) []point {
	points := make([]point, a.Periods+further)
	for i := range points {
		from := end - (len(points)-i)*a.Period
		var all []float64
		for minute := from; minute < from+a.Period; minute++ {
			all = append(all, values[minute]...)
		}
		points[i] = a.judge(all)
	}
	return points
}

func (a Alarm) judge(values []float64) point {
	if len(values) == 0 {
		return missing
	}
	value := slices.Max(values)
	if a.Statistic == "Sum" {
		value = 0
		for _, v := range values {
			value += v
		}
	}
	if value < a.Threshold && a.Comparison == "LessThanThreshold" || value >= a.Threshold && a.Comparison == "GreaterThanOrEqualToThreshold" {
		return breaching
	}
	return fine
}

// next returns the state that follows. If the range has as many points as are evaluated, the
// newest of them count. If it has fewer, all count, and so many missing ones as are lacking are
// treated as the alarm says.
func (a Alarm) next(state string, points []point) string {
	points = slices.DeleteFunc(points, func(p point) bool { return p == missing })
	points = points[max(0, len(points)-a.Periods):]
	lacking := a.Periods - len(points)
	bad := 0
	for _, p := range points {
		if p == breaching {
			bad++
		}
	}
	if a.Missing == "breaching" {
		bad += lacking
	}
	switch {
	case bad >= a.Datapoints:
		return ALARM
	case a.Missing == "ignore" && bad+lacking >= a.Datapoints:
		return state
	}
	return OK
}

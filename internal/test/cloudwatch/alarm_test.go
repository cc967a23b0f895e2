package cloudwatch

import "testing"

// The rules are those of AWS's page on missing data. "-" is a missing point, "0" one that does
// not breach and "X" one that does. No alarm of ours ignores missing data and needs only some of
// its periods.
func TestMissingDataIsTreatedAsAWSDocumentsIt(t *testing.T) {
	t.Parallel()
	const retained = "retained"
	for _, tt := range []struct {
		points                             string
		datapoints                         int
		ignored, isBreaching, notBreaching string
	}{
		{"0-X-X", 3, OK, OK, OK},
		{"----0", 3, OK, OK, OK},
		{"-----", 3, retained, ALARM, OK},
		{"0XX-X", 3, ALARM, ALARM, ALARM},
		{"--X--", 3, retained, ALARM, OK},
		{"0-X-X", 2, ALARM, ALARM, ALARM},
		{"00X0X", 2, ALARM, ALARM, ALARM},
		{"----0", 2, "", ALARM, OK},
		{"---X-", 2, "", ALARM, OK},
	} {
		for treat, want := range map[string]string{"ignore": tt.ignored, "breaching": tt.isBreaching, "notBreaching": tt.notBreaching} {
			for _, state := range []string{OK, ALARM} {
				if want == "" {
					continue
				}
				var points []point
				for _, p := range tt.points {
					points = append(points, map[rune]point{'-': missing, '0': fine, 'X': breaching}[p])
				}
				expected := want
				if want == retained {
					expected = state
				}
				a := Alarm{Periods: 3, Datapoints: tt.datapoints, Missing: treat}
				if got := a.next(state, points); got != expected {
					t.Errorf("%d of 3 in %s, missing is %s, from %s: %s, want %s", tt.datapoints, tt.points, treat, state, got, expected)
				}
			}
		}
	}
}

func TestPeriodsAreJudgedByTheirStatistic(t *testing.T) {
	t.Parallel()
	m := Metric{"keepcurrent", "Failed", "PollerFunction"}
	data := make(Data)
	for _, minute := range []int{3, 4, 9} { // 2 in the first five minutes, 1 in the next
		data.Add(m, minute, 1)
	}
	a := Alarm{Metric: m, Statistic: "Sum", Period: 5, Periods: 1, Datapoints: 1, Comparison: "GreaterThanOrEqualToThreshold", Threshold: 2, Missing: "notBreaching"}
	states := a.States(data, 10, Further)
	if states[3] != OK || states[4] != ALARM || states[8] != ALARM || states[9] != OK {
		t.Errorf("the sum reaches 2: %v", states)
	}
	a.Statistic = "Maximum"
	if states := a.States(data, 10, Further); states[4] != OK {
		t.Errorf("the maximum does not: %v", states)
	}
	a.Comparison = "LessThanThreshold"
	if states := a.States(data, 10, Further); states[4] != ALARM {
		t.Errorf("the maximum is below: %v", states)
	}
}

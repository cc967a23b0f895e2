package cloudwatch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Measured is one value that a line of a log embeds.
type Measured struct {
	Namespace, Name, Unit, Of string // Of is the value of the dimension FunctionName
	Value                     float64
}

// Embedded returns the values in a log. It fails for a line that breaks the specification,
// which CloudWatch would drop silently.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func Embedded(log []byte) (all []Measured, err error) {
	for line := range bytes.Lines(log) {
		var embedded struct {
			AWS *struct {
				Timestamp         int64
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct{ Name, Unit string }
				}
			} `json:"_aws"`
			FunctionName string
		}
		if json.Unmarshal(line, &embedded) != nil || embedded.AWS == nil {
			continue
		}
		var values map[string]json.RawMessage
		if err := json.Unmarshal(line, &values); err != nil {
			return nil, err
		}
		for _, d := range embedded.AWS.CloudWatchMetrics {
			if len(d.Dimensions) != 1 || !slices.Equal(d.Dimensions[0], []string{"FunctionName"}) || embedded.AWS.Timestamp == 0 {
				return nil, fmt.Errorf("metrics without a timestamp, or with dimensions other than FunctionName: %s", line)
			}
			for _, m := range d.Metrics {
				var some []float64
				if err := json.Unmarshal(values[m.Name], &some); err != nil || len(some) == 0 || len(some) > 100 {
					return nil, fmt.Errorf("%d values of %s (%v): %s", len(some), m.Name, err, line)
				}
				for _, value := range some {
					all = append(all, Measured{d.Namespace, m.Name, m.Unit, embedded.FunctionName, value})
				}
			}
		}
	}
	return all, nil
}

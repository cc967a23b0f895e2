package cloudwatch

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"gopkg.in/yaml.v3"
)

// Template is a template of CloudFormation whose parameters have their defaults.
type Template struct{ root *yaml.Node }

// Read reads a template.
func Read(file string) (Template, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Template{}, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return Template{}, fmt.Errorf("reading %s: %w", file, err)
	}
	return Template{document.Content[0]}, nil
}

// Resources are those of a type, by logical id.
func (t Template) Resources(kind string) map[string]*yaml.Node {
	found := make(map[string]*yaml.Node)
	resources := at(t.root, "Resources").Content
	for i := 0; i < len(resources); i += 2 {
		if at(resources[i+1], "Type").Value == kind {
			found[resources[i].Value] = resources[i+1]
		}
	}
	return found
}

// Metric is a metric of one resource, such as a function or an API. Of is the resource's
// logical id in the template.
type Metric struct{ Namespace, Name, Of string }

// Alarm is an alarm on one metric.
type Alarm struct {
	ID        string
	Condition string // under which it is made, "" for always
	Metric
	Statistic  string
	Period     int // in minutes
	Periods    int // that are evaluated
	Datapoints int // of them that must breach
	Comparison string
	Threshold  float64
	Missing    string // how missing data is treated
}

// Alarms are all alarms of the template. It fails for one that this package cannot evaluate.
func (t Template) Alarms() (alarms []Alarm, err error) {
	for id, resource := range t.Resources("AWS::CloudWatch::Alarm") {
		alarm, wrong := t.alarm(id, resource)
		alarms, err = append(alarms, alarm), errors.Join(err, wrong)
	}
	return alarms, err
}

func (t Template) alarm(id string, resource *yaml.Node) (Alarm, error) {
	properties := at(resource, "Properties")
	text := func(name string) string { return t.text(at(properties, name)) }
	a := Alarm{
		ID:         id,
		Condition:  at(resource, "Condition").Value,
		Metric:     Metric{Namespace: text("Namespace"), Name: text("MetricName")},
		Statistic:  text("Statistic"),
		Comparison: text("ComparisonOperator"),
		Missing:    text("TreatMissingData"),
	}
	var seconds int
	var errs [5]error
	seconds, errs[0] = strconv.Atoi(text("Period"))
	a.Periods, errs[1] = strconv.Atoi(text("EvaluationPeriods"))
	a.Threshold, errs[2] = strconv.ParseFloat(text("Threshold"), 64)
	a.Datapoints = a.Periods
	if some := text("DatapointsToAlarm"); some != "" {
		a.Datapoints, errs[3] = strconv.Atoi(some)
	}
	dimensions := at(properties, "Dimensions").Content
	if len(dimensions) != 1 || seconds%60 != 0 {
		errs[4] = fmt.Errorf("it has %d dimensions and a period of %d s", len(dimensions), seconds)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return a, fmt.Errorf("this package cannot evaluate the alarm %s: %w", id, err)
	}
	a.Period, a.Of = seconds/60, t.text(at(dimensions[0], "Value"))
	return a, nil
}

// text resolves a value: the default of a parameter, the logical id of a resource, an entry of
// a mapping, or a plain text.
func (t Template) text(value *yaml.Node) string {
	switch value.Tag {
	case "!Ref":
		if parameter := at(t.root, "Parameters", value.Value); parameter.Kind != 0 {
			return at(parameter, "Default").Value
		}
	case "!FindInMap":
		keys := make([]string, len(value.Content))
		for i, key := range value.Content {
			keys[i] = t.text(key)
		}
		return at(at(t.root, "Mappings"), keys...).Value
	}
	return value.Value
}

// at follows keys down; what is missing is an empty node.
func at(node *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		below := &yaml.Node{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				below = node.Content[i+1]
			}
		}
		node = below
	}
	return node
}

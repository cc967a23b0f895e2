package template_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keepcurrent.example/internal/report"
)

// widget is the part of a widget of the dashboard that the tests read
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html).
type widget struct {
	Type       string
	Properties struct {
		Title, Region, Stat string
		Metrics             [][]any
	}
}

// widgets are the dashboard's, with each ${Name} in it as its name.
func widgets(t *testing.T) []widget {
	t.Helper()
	body := load(t).at("Resources", "MetricsDashboard", "Properties", "DashboardBody")
	mustBe(t, "the body's function", body.node.Tag, "!Sub")
	// A number in its place, where no string is around it.
	text := regexp.MustCompile(`([^"])\$\{\w+\}`).ReplaceAllString(body.node.Value, "${1}500")
	text = regexp.MustCompile(`\$\{([\w:]+)\}`).ReplaceAllString(text, "$1")
	var dashboard struct{ Widgets []widget }
	if err := json.Unmarshal([]byte(text), &dashboard); err != nil {
		t.Fatal(err)
	}
	return dashboard.Widgets
}

// It costs $3 a month beyond the first three of an account.
func TestTheDashboardIsMadeOnlyIfAskedFor(t *testing.T) {
	t.Parallel()
	template := load(t)
	mustBe(t, "default", template.at("Parameters", "Dashboard", "Default").text(), "false")
	mustBe(t, "its condition", template.at("Resources", "MetricsDashboard", "Condition").text(), "ShowDashboard")
	mustBe(t, "the output's", template.at("Outputs", "Dashboard", "Condition").text(), "ShowDashboard")
	mustBe(t, "ShowDashboard", template.at("Conditions", "ShowDashboard").text(), "!Equals [!Ref Dashboard, true]")
}

func TestDashboardShowsEveryMetricAndBothFunctions(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	aws := map[[2]string]bool{}
	for _, w := range widgets(t) {
		if w.Type != "metric" || w.Properties.Title == "" || w.Properties.Region != "AWS::Region" || len(w.Properties.Metrics) == 0 {
			t.Errorf("%+v", w)
		}
		for _, m := range w.Properties.Metrics {
			if len(m) != 5 || m[2] != report.Dimension || (m[3] != "PollerFunction" && m[3] != "WebhookFunction") {
				t.Errorf("%s: %q", w.Properties.Title, m)
				continue
			}
			options, _ := m[4].(map[string]any)
			if options["label"] == nil || (options["stat"] == nil && w.Properties.Stat == "") {
				t.Errorf("%s: %q has no label, or the statistic that CloudWatch likes", w.Properties.Title, m)
			}
			switch name := m[1].(string); m[0] {
			case report.Namespace:
				shown[name] = true
			case "AWS/Lambda":
				aws[[2]string{name, m[3].(string)}] = true
			default:
				t.Errorf("%s: %q", w.Properties.Title, m)
			}
		}
	}
	mustBeSet(t, "metrics on the dashboard", slices.Collect(maps.Keys(shown)), slices.Collect(maps.Keys(report.MetricUnits)))
	for _, name := range []string{"Errors", "Duration"} {
		for _, function := range functions {
			if !aws[[2]string{name, function}] {
				t.Errorf("%s of %s is not on the dashboard", name, function)
			}
		}
	}
}

func TestTheRunbookHasARowForEveryMetric(t *testing.T) {
	t.Parallel()
	runbook, err := os.ReadFile(filepath.Join(root, "docs", "runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]string)
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\w+) \\|").FindAllStringSubmatch(string(runbook), -1) {
		rows[row[1]] = row[2]
	}
	for name, unit := range report.MetricUnits {
		mustBe(t, "unit of "+name, rows[name], strings.ToLower(unit))
	}
	mustBeSet(t, "rows of the runbook", slices.Collect(maps.Keys(rows)), slices.Collect(maps.Keys(report.MetricUnits)))
}

func TestDashboardsOfTwoStacksOrRegionsHaveTwoNames(t *testing.T) {
	t.Parallel()
	mustBe(t, "the name", load(t).at("Resources", "MetricsDashboard", "Properties", "DashboardName").text(), "!Sub ${AWS::StackName}-${AWS::Region}")
}

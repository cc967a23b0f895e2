package e2e_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepcurrent.example/internal/test/cloudwatch"
	"keepcurrent.example/internal/testserver/stacktest"
)

// written are the metrics of CloudWatch that were written, by name and function.
func (l *timeline) written() (names []string) {
	for m := range l.data {
		if m.Namespace == "keepcurrent" {
			names = append(names, m.Of+" "+m.Name)
		}
	}
	slices.Sort(names)
	return names
}

func pricedTimeline(t *testing.T) *timeline {
	t.Helper()
	l := newTimeline(openShop(t, stacktest.Config{Env: []string{"LOG_LEVEL=info"}}))
	l.collect()
	l.data = make(cloudwatch.Data)
	return l
}

// A quiet stack must not cost more than this a month, beside the bound secrets.
const mostDollars = 3.50

// The sums of docs/scale.md are those of what an hour of polls does, 730 times, and of what the
// template makes.
func TestAQuietMonthCostsWhatThePageSays(t *testing.T) {
	t.Parallel()
	l := pricedTimeline(t)
	logged := len(l.Poller.Logs())
	for minute := range 60 {
		// A warm container reads the signing keys again after five minutes. These minutes are not
		// real, so a new container does, and reads the token, too.
		if minute%5 == 0 {
			l.Poller.Kill()
		}
		l.pass(true)
	}
	calls := 0
	for _, n := range l.Secrets.Calls() {
		calls += n * cloudwatch.HoursOfMonth
	}
	logs := (len(l.Poller.Logs()) - logged) * cloudwatch.HoursOfMonth
	if logs > 100_000_000 {
		t.Errorf("the log of a quiet month has %d bytes", logs)
	}
	metrics := l.written()
	if want := []string{"PollerFunction Bindings", "PollerFunction GoodRounds", "PollerFunction HerokuRequestsLeft"}; !slices.Equal(metrics, want) {
		t.Errorf("a quiet hour writes %q", metrics)
	}
	template, err := readTemplate()
	l.must(err)
	alarms, err := template.Alarms()
	l.must(err)
	alarms = slices.DeleteFunc(alarms, func(a cloudwatch.Alarm) bool { return a.Condition != "" })
	secrets := template.Resources("AWS::SecretsManager::Secret")
	delete(secrets, "BoundSecret")
	dashboards := template.Resources("AWS::CloudWatch::Dashboard")
	if len(secrets) != 2 || len(dashboards) != 1 {
		t.Errorf("secrets %v, dashboards %v", slices.Collect(maps.Keys(secrets)), slices.Collect(maps.Keys(dashboards)))
	}
	sum := 0.0
	row := func(what, number string, dollars float64) string {
		sum += dollars
		return fmt.Sprintf("| %s | %s | $%.2f |", what, number, dollars)
	}
	rows := []string{
		row("custom metrics", fmt.Sprint(len(metrics)), float64(len(metrics))*cloudwatch.MetricMonth),
		row("alarms", fmt.Sprint(len(alarms)), float64(len(alarms))*cloudwatch.AlarmMonth),
		row("secrets of the stack", fmt.Sprint(len(secrets)), float64(len(secrets))*cloudwatch.SecretMonth),
		row("calls of Secrets Manager", fmt.Sprintf("%d,%03d", calls/1000, calls%1000), float64(calls)*cloudwatch.SecretCall),
		row("log of the poller", "less than 100 MB", float64(logs)*cloudwatch.LogByte),
	}
	rows = append(rows, fmt.Sprintf("| **in all** | | **$%.2f** |", sum))
	if sum > mostDollars {
		t.Errorf("a quiet month costs $%.2f, more than $%.2f", sum, mostDollars)
	}
	says(t, "scale.md", append(rows, fmt.Sprintf("`Dashboard=true` makes a dashboard, for $%.0f", float64(len(dashboards))*cloudwatch.DashboardMonth))...)
}

// An hour in which Heroku calls costs the metrics that it writes for that hour.
func TestAnHourWithARotationCostsWhatThePageSays(t *testing.T) {
	t.Parallel()
	l := pricedTimeline(t)
	l.subscribe()
	l.pass(true)
	l.rotate()
	l.idle()
	l.pass(true)
	more := 0
	for _, name := range l.written() {
		if strings.HasPrefix(name, "WebhookFunction ") {
			more++
		}
	}
	if more == 0 {
		t.Error("the webhook has measured nothing")
	}
	dollars := float64(more) * cloudwatch.MetricMonth
	says(t, "scale.md", fmt.Sprintf("An hour in which Heroku calls has %d metrics more: $%.3f. If every hour has a call, that is $%.2f a month.",
		more, dollars/cloudwatch.HoursOfMonth, dollars))
}

// says fails the test unless a page has these texts, whatever its line ends.
func says(t *testing.T, page string, texts ...string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	flat := strings.Join(strings.Fields(string(raw)), " ")
	for _, text := range texts {
		if !strings.Contains(flat, text) {
			t.Errorf("docs/%s does not say: %s", page, text)
		}
	}
}

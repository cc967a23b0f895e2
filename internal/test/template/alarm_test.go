package template_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"keepcurrent.example/internal/report"
)

const pollPeriod = "!FindInMap [Poll, !Ref PollMinutes, Seconds]"

func alarms(t *testing.T) map[string]tree {
	t.Helper()
	return resources(load(t), "AWS::CloudWatch::Alarm")
}

// measured is a metric of an alarm: of one metric, or one of several that an
// expression joins.
type measured struct{ namespace, name, dimension, of, stat, period string }

func measuredBy(alarm tree) []measured {
	var all []measured
	read := func(metric tree, stat, period string) {
		for _, dimension := range metric.at("Dimensions").items() {
			all = append(all, measured{
				namespace: metric.at("Namespace").text(),
				name:      metric.at("MetricName").text(),
				dimension: dimension.at("Name").text(),
				of:        dimension.at("Value").text(),
				stat:      stat,
				period:    period,
			})
		}
	}
	properties := alarm.at("Properties")
	read(properties, properties.at("Statistic").text(), properties.at("Period").text())
	for _, part := range properties.at("Metrics").items() {
		stat := part.at("MetricStat")
		read(stat.at("Metric"), stat.at("Stat").text(), stat.at("Period").text())
	}
	return all
}

func TestAlarmsAreExactlyThese(t *testing.T) {
	t.Parallel()
	ours := func(name, function, period string) measured {
		return measured{report.Namespace, name, report.Dimension, "!Ref " + function, "Sum", period}
	}
	want := map[string]struct {
		metrics []measured
		rule    string // comparison, threshold, periods, and what a missing value is
	}{
		"Trouble": {
			[]measured{ours("Failed", "PollerFunction", pollPeriod), ours("Held", "PollerFunction", pollPeriod)},
			"GreaterThanThreshold 0 !Ref TroubleRounds ignore",
		},
		"NoGoodRound":   {[]measured{ours("GoodRounds", "PollerFunction", pollPeriod)}, "LessThanThreshold 1 3 breaching"},
		"TokenRefused":  {[]measured{ours("TokenRefused", "PollerFunction", pollPeriod)}, "GreaterThanOrEqualToThreshold 1 1 ignore"},
		"WebhookMissed": {[]measured{ours("FoundByPoller", "PollerFunction", pollPeriod)}, "GreaterThanOrEqualToThreshold 1 1 notBreaching"},
		"WebhookWrong":  {[]measured{ours("WebhookWrong", "PollerFunction", "10800")}, "GreaterThanOrEqualToThreshold 1 1 notBreaching"},
		"BadSignatures": {[]measured{ours("BadSignatures", "WebhookFunction", "300")}, "GreaterThanOrEqualToThreshold !Ref BadSignatureLimit 1 notBreaching"},
		"OnlyReplicas":  {[]measured{ours("OnlyReplicas", "PollerFunction", pollPeriod)}, "GreaterThanOrEqualToThreshold 1 3 notBreaching"},
		"RestartFailed": {
			[]measured{{"AWS/States", "ExecutionsFailed", "StateMachineArn", "!Ref RestartMachine", "Sum", "300"}},
			"GreaterThanOrEqualToThreshold 1 1 notBreaching",
		},
	}
	found := alarms(t)
	mustBeSet(t, fmt.Sprintf("%d alarms in the template for the %d rows here", len(found), len(want)),
		slices.Collect(maps.Keys(found)), slices.Collect(maps.Keys(want)))
	for id, alarm := range found {
		w, known := want[id]
		if !known {
			continue
		}
		p := alarm.at("Properties")
		rule := strings.Join([]string{
			p.at("ComparisonOperator").text(), p.at("Threshold").text(), p.at("EvaluationPeriods").text(), p.at("TreatMissingData").text(),
		}, " ")
		mustBe(t, "rule of "+id, rule, w.rule)
		if got := measuredBy(alarm); !slices.Equal(got, w.metrics) {
			t.Errorf("%s measures %q, not %q", id, got, w.metrics)
		}
		if p.at("DatapointsToAlarm").node != nil {
			t.Errorf("%s does not need all periods", id)
		}
		when := alarm.at("Condition").text()
		if (when == "Restart") != (id == "RestartFailed") || (when != "" && when != "Restart") {
			t.Errorf("%s is made when %q", id, when)
		}
	}
}

func TestTroubleAddsWhatFailedAndWhatIsHeld(t *testing.T) {
	t.Parallel()
	returned := 0
	ids := map[string]string{}
	for _, part := range alarms(t)["Trouble"].at("Properties", "Metrics").items() {
		ids[part.at("Id").text()] = part.at("MetricStat", "Metric", "MetricName").text()
		if part.at("ReturnData").text() != "false" {
			returned++
			mustBe(t, "the expression", part.at("Expression").text(), "failed + held")
		}
	}
	if returned != 1 || ids["failed"] != "Failed" || ids["held"] != "Held" {
		t.Errorf("%d are returned of %q", returned, ids)
	}
}

func TestAlarmsMeasureWhatTheFunctionsWrite(t *testing.T) {
	t.Parallel()
	for id, alarm := range alarms(t) {
		for _, m := range measuredBy(alarm) {
			if _, written := report.MetricUnits[m.name]; m.namespace == report.Namespace && !written {
				t.Errorf("%s measures %s, which no function writes", id, m.name)
			}
		}
	}
}

func TestEveryAlarmSaysWhatToDoAndWhereToRead(t *testing.T) {
	t.Parallel()
	runbook, err := os.ReadFile(filepath.Join(root, "docs", "runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	var sections []string
	for _, heading := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(string(runbook), -1) {
		sections = append(sections, heading[1])
	}
	for id, alarm := range alarms(t) {
		text := alarm.at("Properties", "AlarmDescription").text()
		said, ok := strings.CutSuffix(text, " Runbook: ${RunbookUrl}#"+strings.ToLower(id))
		if !ok || !slices.Contains(sections, id) {
			t.Errorf("%s does not name its section of the runbook: %q", id, text)
		}
		if sentences := len(regexp.MustCompile(`\.( |$)`).FindAllString(said, -1)); sentences < 2 || sentences > 4 {
			t.Errorf("the description of %s has %d sentences before its address in the runbook, not 2 to 4", id, sentences)
		}
		// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
		if most := len(text) + number(t, load(t).at("Parameters", "RunbookUrl", "MaxLength").text()); most > 1024 {
			t.Errorf("the description of %s can have %d bytes, more than 1,024", id, most)
		}
	}
}

func TestEveryAlarmIsToldWhenItBeginsAndEnds(t *testing.T) {
	t.Parallel()
	const topic = "[!If [Mail, !Ref AlarmTopic, !Ref AWS::NoValue], !If [OwnTopic, !Ref AlarmTopicArn, !Ref AWS::NoValue]]"
	for id, alarm := range alarms(t) {
		mustBe(t, "begin of "+id, alarm.at("Properties", "AlarmActions").text(), topic)
		mustBe(t, "end of "+id, alarm.at("Properties", "OKActions").text(), topic)
	}
	template := load(t)
	subscription := template.at("Resources", "AlarmSubscription", "Properties")
	mustBe(t, "protocol", subscription.at("Protocol").text(), "email")
	mustBe(t, "address", subscription.at("Endpoint").text(), "!Ref AlarmEmail")
	mustBe(t, "topic", subscription.at("TopicArn").text(), "!Ref AlarmTopic")
	for _, id := range []string{"AlarmTopic", "AlarmTopicPolicy", "AlarmSubscription"} {
		mustBe(t, id, template.at("Resources", id, "Condition").text(), "Mail")
	}
}

func TestOnlyAlarmsOfTheAccountMayPublish(t *testing.T) {
	t.Parallel()
	policy := load(t).at("Resources", "AlarmTopicPolicy", "Properties")
	mustBeStatements(t, "the topic's policy", statements(policy), []statement{{
		effect: "Allow", who: "Service cloudwatch.amazonaws.com", actions: []string{"sns:Publish"}, resources: []string{"!Ref AlarmTopic"},
		condition: "ArnLike aws:SourceArn !Sub arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*",
	}})
	mustBe(t, "its topics", policy.at("Topics").text(), "[!Ref AlarmTopic]")
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPeriodOfEveryPollIsItsMinutesInSeconds(t *testing.T) {
	t.Parallel()
	periods := load(t).at("Mappings", "Poll").entries()
	for _, minutes := range pollMinutes(t) {
		mustBe(t, "seconds of "+minutes, periods[minutes].at("Seconds").text(), strconv.Itoa(60*number(t, minutes)))
	}
	mustBeSet(t, "minutes of the mapping Poll", slices.Collect(maps.Keys(periods)), pollMinutes(t))
}

// "Period multiplied by EvaluationPeriods can't be more than 604,800 seconds. For
// alarms with a period of less than one hour, the total can't be longer than one day."
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
func TestCloudWatchTakesEveryAllowedCombination(t *testing.T) {
	t.Parallel()
	parameters, poll := load(t).at("Parameters"), load(t).at("Mappings", "Poll")
	for id, alarm := range alarms(t) {
		periods := alarm.at("Properties", "EvaluationPeriods").text()
		if parameter, isRef := strings.CutPrefix(periods, "!Ref "); isRef {
			if least := number(t, parameters.at(parameter, "MinValue").text()); least < 1 {
				t.Errorf("%s can be %d", parameter, least)
			}
			periods = parameters.at(parameter, "MaxValue").text()
		}
		for _, m := range measuredBy(alarm) {
			for _, minutes := range pollMinutes(t) {
				period := m.period
				if period == pollPeriod {
					period = poll.at(minutes, "Seconds").text()
				}
				seconds := number(t, period)
				longest := 86400
				if seconds >= 3600 {
					longest = 604800
				}
				if seconds%60 != 0 {
					t.Errorf("the period of %s is %d s at a poll every %s minutes, and no whole minutes", id, seconds, minutes)
				}
				if total := seconds * number(t, periods); total > longest {
					t.Errorf("%s looks back %d s at a poll every %s minutes, more than the %d s of periods like these", id, total, minutes, longest)
				}
			}
		}
	}
}

// The parameter allows only limits that can be reached.
func TestSignatureLimitCanBeReached(t *testing.T) {
	t.Parallel()
	template := load(t)
	perSecond := number(t, template.at("Resources", "HttpApi", "Properties", "DefaultRouteSettings", "ThrottlingRateLimit").text())
	period := number(t, alarms(t)["BadSignatures"].at("Properties", "Period").text())
	limit := template.at("Parameters", "BadSignatureLimit")
	if greatest := number(t, limit.at("MaxValue").text()); greatest > perSecond*period {
		t.Errorf("the API lets %d through, the limit can be %d", perSecond*period, greatest)
	}
	mustBe(t, "least", limit.at("MinValue").text(), "1")
	mustBe(t, "default", limit.at("Default").text(), "50")
}

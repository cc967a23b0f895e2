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

const (
	pollPeriod = "!FindInMap [Poll, !Ref PollMinutes, Seconds]"
	pollRounds = "!FindInMap [Poll, !Ref PollMinutes, Rounds]"

	troublePeriods = "!FindInMap [Trouble, !Ref TroubleRounds, Periods]"
)

func alarms(t *testing.T) map[string]tree {
	t.Helper()
	return resources(load(t), "AWS::CloudWatch::Alarm")
}

// measured is the metric of an alarm.
type measured struct{ namespace, name, dimension, of, stat, period string }

func measuredBy(alarm tree) measured {
	p := alarm.at("Properties")
	m := measured{
		namespace: p.at("Namespace").text(), name: p.at("MetricName").text(),
		stat: p.at("Statistic").text(), period: p.at("Period").text(),
	}
	for _, dimension := range p.at("Dimensions").items() {
		m.dimension += dimension.at("Name").text()
		m.of += dimension.at("Value").text()
	}
	return m
}

func TestAlarmsAreExactlyThese(t *testing.T) {
	t.Parallel()
	ours := func(name, function, period string) measured {
		return measured{report.Namespace, name, report.Dimension, "!Ref " + function, "Sum", period}
	}
	aws := func(namespace, name, dimension, of string) measured {
		return measured{namespace, name, dimension, "!Ref " + of, "Sum", "900"}
	}
	bindings := ours("Bindings", "PollerFunction", pollPeriod)
	bindings.stat = "Maximum"
	const often = "GreaterThanOrEqualToThreshold 1 12 3 notBreaching"
	want := map[string]struct {
		metric measured
		rule   string // comparison, threshold, periods, how many of them if not all, and what a missing value is
	}{
		"Trouble":          {ours("InTrouble", "PollerFunction", pollPeriod), "GreaterThanOrEqualToThreshold 1 " + troublePeriods + " !Ref TroubleRounds notBreaching"},
		"NoGoodRound":      {ours("GoodRounds", "PollerFunction", pollPeriod), "LessThanThreshold 1 " + pollRounds + " breaching"},
		"TokenRefused":     {ours("TokenRefused", "PollerFunction", pollPeriod), "GreaterThanOrEqualToThreshold 1 1 notBreaching"},
		"WebhookMissed":    {ours("FoundByPoller", "PollerFunction", pollPeriod), "GreaterThanOrEqualToThreshold 1 1 notBreaching"},
		"WebhookWrong":     {ours("WebhookWrong", "PollerFunction", "3600"), "GreaterThanOrEqualToThreshold 1 3 1 notBreaching"},
		"BadSignatures":    {ours("BadSignatures", "WebhookFunction", "300"), "GreaterThanOrEqualToThreshold !Ref BadSignatureLimit 1 notBreaching"},
		"OnlyReplicas":     {ours("OnlyReplicas", "PollerFunction", pollPeriod), "GreaterThanOrEqualToThreshold 1 3 notBreaching"},
		"Overdue":          {ours("Overdue", "PollerFunction", pollPeriod), "GreaterThanOrEqualToThreshold 1 1 notBreaching"},
		"NothingBound":     {bindings, "LessThanThreshold 1 3 ignore"},
		"WebhookErrors":    {aws("AWS/Lambda", "Errors", "FunctionName", "WebhookFunction"), often},
		"WebhookThrottled": {aws("AWS/Lambda", "Throttles", "FunctionName", "WebhookFunction"), often},
		"ApiErrors":        {aws("AWS/ApiGateway", "5xx", "ApiId", "HttpApi"), often},
		"RestartFailed": {
			measured{"AWS/States", "ExecutionsFailed", "StateMachineArn", "!Ref RestartMachine", "Sum", "300"},
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
		var rule []string
		for _, part := range []string{"ComparisonOperator", "Threshold", "EvaluationPeriods", "DatapointsToAlarm", "TreatMissingData"} {
			if value := p.at(part); value.node != nil {
				rule = append(rule, value.text())
			}
		}
		mustBe(t, "rule of "+id, strings.Join(rule, " "), w.rule)
		if got := measuredBy(alarm); got != w.metric {
			t.Errorf("%s measures %q, not %q", id, got, w.metric)
		}
		when := alarm.at("Condition").text()
		if (when == "Restart") != (id == "RestartFailed") || (when != "" && when != "Restart") {
			t.Errorf("%s is made when %q", id, when)
		}
	}
}

func TestAlarmsMeasureWhatTheFunctionsWrite(t *testing.T) {
	t.Parallel()
	for id, alarm := range alarms(t) {
		m := measuredBy(alarm)
		if _, written := report.MetricUnits[m.name]; m.namespace == report.Namespace && !written {
			t.Errorf("%s measures %s, which no function writes", id, m.name)
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
	opening, _, _ := strings.Cut(string(runbook), "\n## ")
	for id, alarm := range alarms(t) {
		if !strings.Contains(opening, "["+id+"](#"+strings.ToLower(id)+")") {
			t.Errorf("the runbook's opening does not say when %s comes, of several alarms", id)
		}
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

func TestPollsOfTenMinutesAreCountedAndTheirPeriodIsInSeconds(t *testing.T) {
	t.Parallel()
	periods := load(t).at("Mappings", "Poll").entries()
	for _, minutes := range pollMinutes(t) {
		mustBe(t, "seconds of "+minutes, periods[minutes].at("Seconds").text(), strconv.Itoa(60*number(t, minutes)))
		mustBe(t, "rounds of "+minutes, periods[minutes].at("Rounds").text(), strconv.Itoa(max(3, 10/number(t, minutes))))
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
		if periods == troublePeriods {
			periods = load(t).at("Mappings", "Trouble", parameters.at("TroubleRounds", "MaxValue").text(), "Periods").text()
		}
		for _, minutes := range pollMinutes(t) {
			period, periods := measuredBy(alarm).period, periods
			if period == pollPeriod {
				period = poll.at(minutes, "Seconds").text()
			}
			if periods == pollRounds {
				periods = poll.at(minutes, "Rounds").text()
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

// An alarm cannot ask for more periods with trouble than it looks at.
func TestTroubleLooksAtTwiceAsManyPolls(t *testing.T) {
	t.Parallel()
	rounds, periods := load(t).at("Parameters", "TroubleRounds"), load(t).at("Mappings", "Trouble")
	mustBe(t, "least", rounds.at("MinValue").text(), "1")
	most := number(t, rounds.at("MaxValue").text())
	for n := 1; n <= most; n++ {
		mustBe(t, fmt.Sprintf("periods for %d", n), periods.at(strconv.Itoa(n), "Periods").text(), strconv.Itoa(min(2*n, most)))
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

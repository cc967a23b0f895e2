package template_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/reconcile"
)

var functions = []string{"PollerFunction", "WebhookFunction"}

// property returns a function's own property, or else the one in Globals.
func property(template tree, function, name string) tree {
	own := template.at("Resources", function, "Properties", name)
	if own.node != nil {
		return own
	}
	return template.at("Globals", "Function", name)
}

func TestFunctionsAreWhatTheMakefileBuilds(t *testing.T) {
	t.Parallel()
	template := load(t)
	mustBeSet(t, "functions", slices.Collect(maps.Keys(resources(template, "AWS::Serverless::Function"))), functions)
	for _, id := range functions {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			mustBe(t, "Runtime", property(template, id, "Runtime").text(), "provided.al2023")
			mustBe(t, "Architectures", property(template, id, "Architectures").text(), "[arm64]")
			mustBe(t, "Handler", property(template, id, "Handler").text(), "bootstrap")
			mustBe(t, "CodeUri", property(template, id, "CodeUri").text(), "build/release/"+packages[id]+"-arm64.zip")
		})
	}
}

func TestWebhookAnswersBeforeTheHTTPAPIGivesUp(t *testing.T) {
	t.Parallel()
	text := property(load(t), "WebhookFunction", "Timeout").text()
	if seconds, err := strconv.Atoi(text); err != nil || seconds >= 30 {
		t.Errorf("Timeout is %q; an HTTP API waits 30 s", text)
	}
}

func TestEnvironmentIsTheContracts(t *testing.T) {
	t.Parallel()
	template := load(t)
	both := map[string]string{
		"HEROKU_TOKEN_SECRET_ID":    token,
		"WEBHOOK_SIGNING_SECRET_ID": signingKey,
		"HEROKU_API_URL":            "!Ref HerokuApiUrl",
		"HEROKU_RESERVE":            "!Ref HerokuReserve",
		"LOG_LEVEL":                 "!Ref LogLevel",
		"PAUSE":                     "!Ref Pause",
		"ONLY_TAG":                  "!If [OnlyTagged, !Ref OnlyTag, !Ref AWS::NoValue]",
	}
	poller := maps.Clone(both)
	poller["WEBHOOK_URL"] = "!Sub ${HttpApi.ApiEndpoint}/heroku/webhook"
	poller["POLL_MINUTES"] = "!Ref PollMinutes"
	for id, want := range map[string]map[string]string{"WebhookFunction": both, "PollerFunction": poller} {
		got := map[string]string{}
		for _, from := range []tree{template.at("Globals", "Function"), template.at("Resources", id, "Properties")} {
			for name, value := range from.at("Environment", "Variables").entries() {
				got[name] = value.text()
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", id, got, want)
		}
	}
	parameters := template.at("Parameters")
	for parameter, want := range map[string]string{
		"HerokuApiUrl": "https://api.heroku.com", "LogLevel": "info", "Pause": "off", "HerokuReserve": "500", "PollMinutes": "1",
	} {
		mustBe(t, "default of "+parameter, parameters.at(parameter, "Default").text(), want)
	}
	// What the functions accept of HEROKU_RESERVE.
	mustBe(t, "least reserve", parameters.at("HerokuReserve", "MinValue").text(), "0")
	mustBe(t, "greatest reserve", parameters.at("HerokuReserve", "MaxValue").text(), "4000")
}

func TestOnlyRouteIsPostHerokuWebhook(t *testing.T) {
	t.Parallel()
	template := load(t)
	for _, id := range functions {
		for name, event := range template.at("Resources", id, "Properties", "Events").entries() {
			kind := event.at("Type").text()
			if id == "PollerFunction" {
				mustBe(t, name, kind, "ScheduleV2")
				continue
			}
			if name == "Consumers" {
				mustBe(t, name, kind, "SQS")
				continue
			}
			mustBe(t, name, kind, "HttpApi")
			mustBe(t, "route", event.at("Properties", "Method").text()+" "+event.at("Properties", "Path").text(), "POST /heroku/webhook")
			mustBe(t, "payload", event.at("Properties", "PayloadFormatVersion").text(), "2.0")
			mustBe(t, "API", event.at("Properties", "ApiId").text(), "!Ref HttpApi")
		}
	}
	for _, limit := range []string{"ThrottlingRateLimit", "ThrottlingBurstLimit"} {
		if template.at("Resources", "HttpApi", "Properties", "DefaultRouteSettings", limit).node == nil {
			t.Errorf("the API has no %s", limit)
		}
	}
}

func TestNextTickIsTheOnlyRetryOfAPoll(t *testing.T) {
	t.Parallel()
	poller := load(t).at("Resources", "PollerFunction", "Properties")
	tick := poller.at("Events", "Tick", "Properties")
	mustBe(t, "retries of the schedule", tick.at("RetryPolicy", "MaximumRetryAttempts").text(), "0")
	mustBe(t, "retries of Lambda", poller.at("EventInvokeConfig", "MaximumRetryAttempts").text(), "0")
	mustBe(t, "age of a throttled event", poller.at("EventInvokeConfig", "MaximumEventAgeInSeconds").text(), "60")
	mustBe(t, "OmitName", tick.at("OmitName").text(), "true")
}

func TestNothingIsReservedUnlessAsked(t *testing.T) {
	t.Parallel()
	template := load(t)
	mustBe(t, "default", template.at("Parameters", "ReserveConcurrency", "Default").text(), "false")
	mustBe(t, "poller", property(template, "PollerFunction", "ReservedConcurrentExecutions").text(), "!If [Reserve, 1, !Ref AWS::NoValue]")
	mustBe(t, "webhook", property(template, "WebhookFunction", "ReservedConcurrentExecutions").text(), "!If [Reserve, 10, !Ref AWS::NoValue]")
}

func pattern(t *testing.T, parameter string) *regexp.Regexp {
	t.Helper()
	return regexp.MustCompile(load(t).at("Parameters", parameter, "AllowedPattern").text())
}

// pollMinutes are the values that the parameter allows.
func pollMinutes(t *testing.T) []string {
	t.Helper()
	values := load(t).at("Parameters", "PollMinutes", "AllowedValues").texts()
	if len(values) == 0 {
		t.Fatal("PollMinutes allows anything")
	}
	return values
}

func TestScheduleFollowsTheGrammarOfRates(t *testing.T) {
	t.Parallel()
	template := load(t)
	mustBe(t, "EveryMinute", template.at("Conditions", "EveryMinute").text(), "!Equals [!Ref PollMinutes, 1]")
	expression := template.at("Resources", "PollerFunction", "Properties", "Events", "Tick", "Properties", "ScheduleExpression")
	mustBe(t, "the expression", expression.text(), "!If [EveryMinute, rate(1 minute), !Sub rate(${PollMinutes} minutes)]")
	for _, minutes := range pollMinutes(t) {
		rate := expression.items()[2].node.Value
		if minutes == "1" {
			rate = expression.items()[1].node.Value
		}
		rate = strings.ReplaceAll(rate, "${PollMinutes}", minutes)
		// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
		if !regexp.MustCompile(`^rate\((1 minute|([2-9]|[1-9][0-9]+) minutes)\)$`).MatchString(rate) {
			t.Errorf("every %s minutes: %s", minutes, rate)
		}
	}
}

func TestScheduleSendsTheEventThatIsInEvents(t *testing.T) {
	t.Parallel()
	input := load(t).at("Resources", "PollerFunction", "Properties", "Events", "Tick", "Properties", "Input").text()
	example, err := os.ReadFile(filepath.Join(root, "events", "poller-schedule.json"))
	if err != nil {
		t.Fatal(err)
	}
	var sent, kept map[string]any
	if err := errors.Join(json.Unmarshal([]byte(input), &sent), json.Unmarshal(example, &kept)); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(sent, map[string]any{"scheduled": "<aws.scheduler.scheduled-time>"}) {
		t.Errorf("the schedule sends %q", sent)
	}
	at, _ := kept["scheduled"].(string)
	if _, err := time.Parse(time.RFC3339, at); err != nil || len(kept) != len(sent) {
		t.Errorf("the example is %q", kept)
	}
}

func TestTracingIsTheParameters(t *testing.T) {
	t.Parallel()
	template := load(t)
	for _, id := range functions {
		mustBe(t, id, property(template, id, "Tracing").text(), "!Ref Tracing")
	}
	mustBe(t, "default", template.at("Parameters", "Tracing", "Default").text(), "PassThrough")
	mustBe(t, "Trace", template.at("Conditions", "Trace").text(), "!Equals [!Ref Tracing, Active]")
}

func TestParametersTakeWhatTheyNameAndNothingElse(t *testing.T) {
	t.Parallel()
	const (
		secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a/token-AbCd12"
		key    = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
	)
	for parameter, tt := range map[string]struct{ good, bad []string }{
		"TokenSecretArn":     {[]string{"", secret}, []string{"a/token", secret + "*", strings.TrimSuffix(secret, "-AbCd12"), key}},
		"MoreSecretArns":     {[]string{"", secret}, []string{"a/token", "*", secret + "," + secret}}, // each value of the list by itself
		"RestartOnSecretArn": {[]string{"", secret}, []string{"a/token", "*", secret + "," + secret}},
		"KmsKeyArn": {
			[]string{"", key, "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-1234567890abcdef1234567890abcdef"},
			[]string{"alias/a", "arn:aws:kms:eu-west-1:123456789012:alias/a", "11111111-2222-3333-4444-555555555555", key + "*", "*"},
		},
		"OnlyTag":                {[]string{"", "team=shop", "acme:cost-center=a/b"}, []string{"team", "team=", "=shop", "a=b=c", "a b=c", "a=${b}", `a=b"`, "a=*", "a=?"}},
		"AlarmTopicArn":          {[]string{"", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:on-call_1"}, []string{"on-call", key, "arn:aws:sns:eu-west-1:123456789012:*"}},
		"RunbookUrl":             {[]string{"docs/runbook.md", "https://wiki.example/keepcurrent"}, []string{"", "http://wiki.example", "wiki.example", "https://a#b"}},
		"SubnetIds":              {[]string{"", "subnet-0a1b"}, []string{"sg-0a1b", "*", "subnet-0a1b,subnet-1"}},
		"SecurityGroupIds":       {[]string{"", "sg-0a1b"}, []string{"default", "subnet-0a1b", "*"}},
		"PermissionsBoundaryArn": {[]string{"", "arn:aws:iam::123456789012:policy/a/boundary", "arn:aws:iam::aws:policy/PowerUserAccess"}, []string{"boundary", "arn:aws:iam::123456789012:role/a", "*"}},
		"AlarmEmail":             {[]string{"", "on-call+db@shop.example"}, []string{"shop", "@shop.example", "a@b", "a@b.example,c@d.example", "a b@c.example"}},
		"RestartEcsCluster":      {[]string{"", "prod_1-a"}, []string{"*", "arn:aws:ecs:eu-west-1:123456789012:cluster/prod", "a/b", strings.Repeat("a", 256)}},
		"RestartEcsService":      {[]string{"", "shop"}, []string{"*", "prod/shop", "${x}"}},
	} {
		p := pattern(t, parameter)
		for _, value := range tt.good {
			if !p.MatchString(value) {
				t.Errorf("%s refuses %q", parameter, value)
			}
		}
		for _, value := range tt.bad {
			if p.MatchString(value) {
				t.Errorf("%s takes %q", parameter, value)
			}
		}
	}
}

func TestWhatIsEmptyIsLeftOut(t *testing.T) {
	t.Parallel()
	template := load(t)
	for condition, want := range map[string]string{
		"MoreSecrets":    `!Not [!Equals [!Join [, !Ref MoreSecretArns], ]]`,
		"NameKey":        `!Not [!Equals [!Ref SecretKey, ]]`,
		"OwnKey":         `!Not [!Equals [!Join [, !Ref KmsKeyArn], ]]`,
		"InVpc":          `!Not [!Equals [!Join [, !Ref SubnetIds], ]]`,
		"Bounded":        `!Not [!Equals [!Ref PermissionsBoundaryArn, ]]`,
		"OnlyTagged":     `!Not [!Equals [!Ref OnlyTag, ]]`,
		"OwnTopic":       `!Not [!Equals [!Ref AlarmTopicArn, ]]`,
		"Mail":           `!Not [!Equals [!Ref AlarmEmail, ]]`,
		"RestartOnGiven": `!Not [!Equals [!Ref RestartOnSecretArn, ]]`,
	} {
		mustBe(t, condition, template.at("Conditions", condition).text(), want)
	}
	for _, parameter := range []string{
		"SecretKey", "MoreSecretArns", "OnlyTag", "KmsKeyArn", "AlarmEmail", "AlarmTopicArn", "SubnetIds", "SecurityGroupIds", "PermissionsBoundaryArn",
		"RestartEcsCluster", "RestartEcsService", "RestartOnSecretArn",
	} {
		if value := template.at("Parameters", parameter, "Default"); value.node == nil || value.text() != "" {
			t.Errorf("%s is not empty unless said", parameter)
		}
	}
}

func TestEveryParameterHasAGroupALabelAndADescription(t *testing.T) {
	t.Parallel()
	template := load(t)
	form := template.at("Metadata", "AWS::CloudFormation::Interface")
	var grouped []string
	for _, group := range form.at("ParameterGroups").items() {
		grouped = append(grouped, group.at("Parameters").texts()...)
	}
	parameters := template.at("Parameters").entries()
	mustBeSet(t, "grouped", grouped, slices.Collect(maps.Keys(parameters)))
	mustBeSet(t, "labelled", slices.Collect(maps.Keys(form.at("ParameterLabels").entries())), slices.Collect(maps.Keys(parameters)))
	for name, parameter := range parameters {
		if parameter.at("Description").text() == "" {
			t.Errorf("%s says nothing of itself", name)
		}
	}
}

// The template and the functions must agree on what an app and a format are.
func TestFirstSecretIsABindingTheFunctionsAccept(t *testing.T) {
	t.Parallel()
	apps := pattern(t, "HerokuApp")
	for _, app := range []string{
		"shop", "s-1", "abc", strings.Repeat("a", 30), "01234567-89ab-cdef-0123-456789abcdef",
		"ab", "Shop", "9lives", "shop-", "a/../b", "shop shop", strings.Repeat("a", 31), "01234567-89AB-cdef-0123-456789abcdef", "01234567089ab-cdef-0123-456789abcdef",
	} {
		_, err := reconcile.ParseBindings(reconcile.Secret{Tags: map[string]string{reconcile.AppTag: app}})
		if apps.MatchString(app) != (err == nil) {
			t.Errorf("%q: the template accepts it: %t; the functions say: %v", app, apps.MatchString(app), err)
		}
	}
	read := func(format string) error {
		_, err := reconcile.ParseBindings(reconcile.Secret{Tags: map[string]string{reconcile.AppTag: "shop", reconcile.FormatTag: format}})
		return err
	}
	allowed := load(t).at("Parameters", "SecretFormat", "AllowedValues").texts()
	for _, format := range allowed {
		if err := read(format); err != nil {
			t.Error(err)
		}
	}
	// The functions name their formats where they refuse one.
	var taken []string
	for _, named := range regexp.MustCompile(`"([\w-]+)"`).FindAllStringSubmatch(fmt.Sprint(read("")), -1) {
		taken = append(taken, named[1])
	}
	mustBeSet(t, "AllowedValues of SecretFormat", allowed, taken)
}

// A name that the template takes and the functions refuse would fail after the deployment.
func TestConfigVarsAndKeysOfTheFirstSecretAreThoseThatTheFunctionsAccept(t *testing.T) {
	t.Parallel()
	read := func(tags ...string) error {
		all := map[string]string{reconcile.AppTag: "shop", reconcile.FormatTag: string(reconcile.FormatKey)}
		for _, tag := range tags {
			name, value, _ := strings.Cut(tag, "=")
			all[name] = value
		}
		_, err := reconcile.ParseBindings(reconcile.Secret{Tags: all})
		return err
	}
	long := strings.Repeat("Name_", 20)
	for _, names := range []string{
		"DATABASE_URL", "_a", "DATABASE_URL REDIS_URL", "A B C", long, long + " B",
		"", "9A", "A-B", "A,B", "A=B", long + "x", "A " + long + "x", "postgres://u:pEXAMPLE@h/d",
	} {
		if err := read("heroku:config-var=" + names); pattern(t, "ConfigVar").MatchString(names) != (err == nil) {
			t.Errorf("config var %q: the functions say: %v", names, err)
		}
	}
	for _, keys := range []string{
		"db", "a_+=./@-9", "db cache", long, long + " b",
		"a:b", `a"b`, "a,b", "${x}", "clé", long + "x", "a " + long + "x",
	} {
		vars := "DATABASE_URL"
		if len(strings.Fields(keys)) == 2 {
			vars += " REDIS_URL"
		}
		if err := read("heroku:config-var="+vars, "heroku:key="+keys); pattern(t, "SecretKey").MatchString(keys) != (err == nil) {
			t.Errorf("key %q: the functions say: %v", keys, err)
		}
	}
	for _, parameter := range []string{"ConfigVar", "SecretKey"} {
		for _, blanks := range []string{"a  b", " a", "a ", "a\tb", "a\nb"} { // would be a part of the secret's name
			if pattern(t, parameter).MatchString(blanks) {
				t.Errorf("%s takes %q", parameter, blanks)
			}
		}
		// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Tag.html
		mustBe(t, "MaxLength of "+parameter, load(t).at("Parameters", parameter, "MaxLength").text(), "256")
	}
}

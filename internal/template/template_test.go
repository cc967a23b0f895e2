package template_test

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"keepcurrent.example/internal/binding"
)

var functions = []string{"PollerFunction", "WebhookFunction"}

// property is a function's own, or else the one that Globals gives to all.
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
	mustBeSet(t, "functions", slices.Collect(maps.Keys(resources(template, "AWS::Serverless::Function"))), slices.Clone(functions))
	for _, id := range functions {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			mustBe(t, "Runtime", property(template, id, "Runtime").text(), "provided.al2023")
			mustBe(t, "Architectures", property(template, id, "Architectures").text(), "[arm64]")
			mustBe(t, "Handler", property(template, id, "Handler").text(), "bootstrap")
			mustBe(t, "CodeUri", property(template, id, "CodeUri").text(), ".")
			mustBe(t, "BuildMethod", template.at("Resources", id, "Metadata", "BuildMethod").text(), "makefile")
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
		"LOG_LEVEL":                 "!Ref LogLevel",
		"PAUSE":                     "!Ref Pause",
	}
	poller := maps.Clone(both)
	poller["WEBHOOK_URL"] = "!Sub ${HttpApi.ApiEndpoint}/heroku/webhook"
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
	mustBe(t, "default of HEROKU_API_URL", template.at("Parameters", "HerokuApiUrl", "Default").text(), "https://api.heroku.com")
	mustBe(t, "default of LOG_LEVEL", template.at("Parameters", "LogLevel", "Default").text(), "info")
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
	mustBe(t, "rate", tick.at("ScheduleExpression").text(), "!Ref PollRate")
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

func TestPollRateFollowsTheGrammarOfRates(t *testing.T) {
	t.Parallel()
	rate := pattern(t, "PollRate")
	for _, good := range []string{"rate(1 minute)", "rate(2 minutes)", "rate(15 minutes)", "rate(1 hour)", "rate(10 hours)"} {
		if !rate.MatchString(good) {
			t.Errorf("%s is refused", good)
		}
	}
	for _, bad := range []string{
		"rate(15 minute)", "rate(1 minutes)", "rate(2 hour)", "rate(1 hours)", "rate(0 minutes)", "rate(01 minute)", "rate(-1 minutes)",
		"rate(1.5 hours)", "rate(30 seconds)", "rate(1minute)", "rate( 1 minute )", "rate(1  minute)", "Rate(1 minute)", "rate(1 minute) ",
		"cron(* * * * ? *)", "1 minute", "",
	} {
		if rate.MatchString(bad) {
			t.Errorf("%q is accepted", bad)
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
		_, err := binding.Of(binding.Secret{Tags: map[string]string{binding.AppTag: app}})
		if apps.MatchString(app) != (err == nil) {
			t.Errorf("%q: the template accepts it: %t; the functions say: %v", app, apps.MatchString(app), err)
		}
	}
	for _, format := range load(t).at("Parameters", "SecretFormat", "AllowedValues").texts() {
		if _, err := binding.Of(binding.Secret{Tags: map[string]string{binding.AppTag: "shop", binding.FormatTag: format}}); err != nil {
			t.Error(err)
		}
	}
}

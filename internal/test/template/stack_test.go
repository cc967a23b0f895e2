package template_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	ownToken   = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:ops/token-AbCd12"
	moreSecret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:ops/more-AbCd12"
	ownTopic   = "arn:aws:sns:eu-west-1:123456789012:on-call"
	boundary   = "arn:aws:iam::123456789012:policy/boundary"
	keyOne     = "arn:aws:kms:eu-west-1:123456789012:key/11111111-1111-1111-1111-111111111111"
	keyTwo     = "arn:aws:kms:eu-west-1:123456789012:key/22222222-2222-2222-2222-222222222222"
)

// sets are parameters with which the template is translated, by what they are for.
var sets = map[string]settings{
	"nothing said":        {},
	"an app":              {"HerokuApp": "shop", "ConfigVar": "DATABASE_URL REDIS_URL", "SecretFormat": "key", "SecretKey": "db cache"},
	"secrets of one's":    {"TokenSecretArn": ownToken, "MoreSecretArns": moreSecret},
	"mail and dashboard":  {"AlarmEmail": "ops@shop.example", "Dashboard": "true"},
	"a topic of one's":    {"AlarmTopicArn": ownTopic, "RunbookUrl": "https://wiki.shop.example/keepcurrent"},
	"a VPC":               {"SubnetIds": "subnet-0a,subnet-0b", "SecurityGroupIds": "sg-0a"},
	"a tag":               {"HerokuApp": "shop", "OnlyTag": "team=shop"},
	"keys":                {"HerokuApp": "shop", "KmsKeyArn": keyOne + "," + keyTwo},
	"a service":           {"HerokuApp": "shop", "RestartEcsCluster": "prod", "RestartEcsService": "web"},
	"another secret's":    {"RestartEcsCluster": "prod", "RestartEcsService": "web", "RestartOnSecretArn": givenSecret},
	"reserved and traced": {"ReserveConcurrency": "true", "Tracing": "Active", "PollMinutes": "15"},
	"China": {
		"HerokuApp": "shop", "Dashboard": "true", "AWS::Partition": "aws-cn", "AWS::Region": "cn-north-1", "AWS::URLSuffix": "amazonaws.com.cn",
		"KmsKeyArn": "arn:aws-cn:kms:cn-north-1:123456789012:key/11111111-1111-1111-1111-111111111111",
	},
	"GovCloud":                 {"HerokuApp": "shop", "Dashboard": "true", "AWS::Partition": "aws-us-gov", "AWS::Region": "us-gov-west-1"},
	"European Sovereign Cloud": {"Dashboard": "true", "AWS::Partition": "aws-eusc", "AWS::Region": "eusc-de-east-1", "AWS::URLSuffix": "amazonaws.eu"},
	"everything": {
		"HerokuApp": "shop", "TokenSecretArn": ownToken, "MoreSecretArns": moreSecret, "AlarmEmail": "ops@shop.example", "AlarmTopicArn": ownTopic,
		"SubnetIds": "subnet-0a", "SecurityGroupIds": "sg-0a,sg-0b", "PermissionsBoundaryArn": boundary, "OnlyTag": "acme:team=shop/web",
		"KmsKeyArn": keyOne, "RestartEcsCluster": "prod", "RestartEcsService": "web", "Tracing": "Active", "ReserveConcurrency": "true", "Dashboard": "true",
	},
}

// always are the resources of every stack. SAM makes those that the template does not have.
var always = []string{
	"CallQueue", "CallQueuePolicy", "CallRule", "Role", "SigningKey", "WebhookLogs", "PollerLogs",
	"Trouble", "NoGoodRound", "TokenRefused", "WebhookMissed", "WebhookWrong", "BadSignatures", "OnlyReplicas",
	"Overdue", "NothingBound", "WebhookErrors", "WebhookThrottled", "ApiErrors",
	"HttpApi", "HttpApiApiGatewayDefaultStage", "WebhookFunction", "WebhookFunctionHerokuPermission", "WebhookFunctionConsumers",
	"PollerFunction", "PollerFunctionEventInvokeConfig", "PollerFunctionTick", "PollerFunctionTickRole",
}

func TestEachSetOfParametersMakesExactlyTheseResources(t *testing.T) {
	t.Parallel()
	mails := []string{"AlarmTopic", "AlarmTopicPolicy", "AlarmSubscription"}
	restarts := []string{"RestartRule", "RestartRuleRole", "RestartMachine", "RestartMachineRole", "RestartFailed"}
	for name, s := range deployed(t) {
		want := slices.Clone(always)
		given := sets[name]
		for parameter, ids := range map[string][]string{"HerokuApp": {"BoundSecret"}, "AlarmEmail": mails, "RestartEcsService": restarts, "Dashboard": {"MetricsDashboard"}} {
			if given[parameter] != "" {
				want = append(want, ids...)
			}
		}
		if given["TokenSecretArn"] == "" {
			want = append(want, "TokenSecret")
		}
		mustBeSet(t, "with "+name, slices.Collect(maps.Keys(s.resources())), want)
		if violated := s.violated(); violated != nil {
			t.Errorf("with %s: the rules %q refuse it", name, violated)
		}
		for id := range s.resources() {
			s.property(id) // refers to nothing that is not made
		}
		s.outputs()
	}
}

func TestSecretsOfPeopleStayAndNothingElseDoes(t *testing.T) {
	t.Parallel()
	for name, s := range deployed(t) {
		for id := range s.resources() {
			want := []any{nil, nil}
			switch id {
			case "TokenSecret", "BoundSecret":
				want = []any{"RetainExceptOnCreate", "Retain"}
			case "SigningKey", "WebhookLogs", "PollerLogs", "CallQueue":
				want = []any{"Delete", "Delete"}
			}
			resource := s.section("Resources")[id].(map[string]any)
			if got := []any{resource["DeletionPolicy"], resource["UpdateReplacePolicy"]}; !slices.Equal(got, want) {
				t.Errorf("with %s, %s: %v, not %v", name, id, got, want)
			}
		}
	}
}

func TestTheFunctionsComeFromTheBucket(t *testing.T) {
	t.Parallel()
	s := deployed(t)["nothing said"]
	keys := map[any]bool{}
	for _, id := range functions {
		mustBe(t, "bucket of "+id, fmt.Sprint(s.property(id, "Code", "S3Bucket")), "artifacts")
		keys[s.property(id, "Code", "S3Key")] = true
	}
	if len(keys) != 2 {
		t.Errorf("their zips are %v", keys)
	}
}

// The transform makes a role of its own for the schedule.
func TestThePermissionsBoundaryIsOfEveryRole(t *testing.T) {
	t.Parallel()
	for name, s := range deployed(t) {
		for _, id := range s.of("AWS::IAM::Role") {
			if got := s.property(id, "PermissionsBoundary"); (got != nil) != (sets[name]["PermissionsBoundaryArn"] != "") || got != nil && got != any(boundary) {
				t.Errorf("with %s, %s: %v", name, id, got)
			}
		}
	}
	mustBeSet(t, "the roles with everything", deployed(t)["everything"].of("AWS::IAM::Role"),
		[]string{"Role", "PollerFunctionTickRole", "RestartRuleRole", "RestartMachineRole"})
}

func TestTheVPCIsOfBothFunctions(t *testing.T) {
	t.Parallel()
	for name, s := range deployed(t) {
		var want any
		if subnets := sets[name]["SubnetIds"]; subnets != "" {
			want = map[string]any{
				"SubnetIds": anyList(strings.Split(subnets, ",")), "SecurityGroupIds": anyList(strings.Split(sets[name]["SecurityGroupIds"], ",")),
			}
		}
		for _, id := range functions {
			if got := s.property(id, "VpcConfig"); !reflect.DeepEqual(got, want) {
				t.Errorf("with %s, %s: %v, not %v", name, id, got, want)
			}
		}
	}
}

func TestAlarmsGoToTheMailAndToTheTopic(t *testing.T) {
	t.Parallel()
	for name, s := range deployed(t) {
		want := []any{}
		if sets[name]["AlarmEmail"] != "" {
			want = append(want, s.ref("AlarmTopic"))
		}
		if topic := sets[name]["AlarmTopicArn"]; topic != "" {
			want = append(want, topic)
		}
		runbook := "docs/runbook.md"
		if sets[name]["RunbookUrl"] != "" {
			runbook = sets[name]["RunbookUrl"]
		}
		for _, id := range s.of("AWS::CloudWatch::Alarm") {
			for _, list := range []string{"AlarmActions", "OKActions"} {
				if got := s.property(id, list); !reflect.DeepEqual(got, any(want)) {
					t.Errorf("with %s, %s of %s: %v, not %v", name, list, id, got, want)
				}
			}
			if text := s.property(id, "AlarmDescription").(string); !strings.HasSuffix(text, " Runbook: "+runbook+"#"+strings.ToLower(id)) {
				t.Errorf("with %s, %s: %s", name, id, text)
			}
		}
	}
}

func TestTheSecretOfTheStackIsOneThatTheStackFollows(t *testing.T) {
	t.Parallel()
	for name, s := range deployed(t) {
		only := sets[name]["OnlyTag"]
		for _, id := range functions {
			got, isSet := s.property(id, "Environment", "Variables", "ONLY_TAG").(string)
			if got != only || isSet != (only != "") {
				t.Errorf("with %s, %s follows %q", name, id, got)
			}
		}
		if sets[name]["HerokuApp"] == "" || only == "" {
			continue
		}
		tags := map[string]string{}
		for _, tag := range s.property("BoundSecret", "Tags").([]any) {
			tags[tag.(map[string]any)["Key"].(string)] = tag.(map[string]any)["Value"].(string)
		}
		key, value, _ := strings.Cut(only, "=")
		mustBe(t, key, tags[key], value)
		mustBe(t, "heroku:app", tags["heroku:app"], "shop")
	}
}

func TestTheFirstKeyEncryptsTheSecretsOfTheStack(t *testing.T) {
	t.Parallel()
	for name, s := range deployed(t) {
		var want any
		if keys := sets[name]["KmsKeyArn"]; keys != "" {
			want, _, _ = strings.Cut(keys, ",")
		}
		for _, id := range s.of("AWS::SecretsManager::Secret") {
			if got := s.property(id, "KmsKeyId"); got != want {
				t.Errorf("with %s, %s: %v, not %v", name, id, got, want)
			}
		}
		if reader := s.outputs()["ReaderPolicy"]; reader != "" && (want != nil) != strings.Contains(reader, "kms:Decrypt") || want != nil && reader != "" && !strings.Contains(reader, want.(string)) {
			t.Errorf("with %s, what a reader needs: %s", name, reader)
		}
		if reader := s.outputs()["ReaderPolicy"]; reader != "" && !json.Valid([]byte(reader)) {
			t.Errorf("with %s, what a reader needs is no JSON: %s", name, reader)
		}
	}
}

// https://docs.aws.amazon.com/general/latest/gr/rande.html
func TestTheDashboardsAddressIsOfTheConsoleOfThePartition(t *testing.T) {
	t.Parallel()
	for name, console := range map[string]string{
		"mail and dashboard":       "https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#",
		"China":                    "https://console.amazonaws.cn/cloudwatch/home?region=cn-north-1#",
		"GovCloud":                 "https://console.amazonaws-us-gov.com/cloudwatch/home?region=us-gov-west-1#",
		"European Sovereign Cloud": "https://console.amazonaws-eusc.eu/cloudwatch/home?region=eusc-de-east-1#",
	} {
		if got := deployed(t)[name].outputs()["Dashboard"]; !strings.HasPrefix(got, console) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestWhatWouldBeIgnoredIsRefused(t *testing.T) {
	t.Parallel()
	template := deployed(t)["nothing said"].template
	for name, tt := range map[string]struct {
		given settings
		rule  string
	}{
		"a cluster without a service":     {settings{"HerokuApp": "shop", "RestartEcsCluster": "prod"}, "RestartIsWhole"},
		"a service without a cluster":     {settings{"HerokuApp": "shop", "RestartEcsService": "web"}, "RestartIsWhole"},
		"a service and no secret":         {settings{"RestartEcsCluster": "prod", "RestartEcsService": "web"}, "RestartHasSecret"},
		"a secret without a service":      {settings{"RestartOnSecretArn": givenSecret}, "RestartSecretHasService"},
		"a name for no secret":            {settings{"SecretName": "shop/db"}, "NamesHaveSecret"},
		"a key in no secret":              {settings{"SecretKey": "db"}, "NamesHaveSecret"},
		"a key of a URL alone":            {settings{"HerokuApp": "shop", "SecretFormat": "url", "SecretKey": "db"}, "UrlHasNoKey"},
		"subnets without security groups": {settings{"SubnetIds": "subnet-0a"}, "VpcIsWhole"},
		"security groups without subnets": {settings{"SecurityGroupIds": "sg-0a,sg-0b"}, "VpcIsWhole"},
		"a URL alone":                     {settings{"HerokuApp": "shop", "SecretFormat": "url"}, ""},
		"a key and a name":                {settings{"HerokuApp": "shop", "SecretKey": "db", "SecretName": "shop/db"}, ""},
	} {
		s := newStack(t, template, tt.given)
		// AWS does not say whether an empty list has no text or an empty one.
		for _, empty := range []any{[]any{""}, []any{}} {
			for parameter, value := range s.parameters {
				if list, isList := value.([]any); isList && len(strings.Join(textsOf(list), "")) == 0 {
					s.parameters[parameter] = empty
				}
			}
			if got := strings.Join(s.violated(), " "); got != tt.rule {
				t.Errorf("%s (with lists that are %q): %q refuses it, not %q", name, empty, got, tt.rule)
			}
		}
	}
}

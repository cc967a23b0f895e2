package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keepcurrent.example/internal/heroku"
	"keepcurrent.example/internal/testserver/mototest"
	"keepcurrent.example/internal/testserver/tool"
)

// One moto serves these tests, because it takes seconds to start.
func TestWhatIsAskedByTheAWSCLI(t *testing.T) {
	t.Parallel()
	moto := startMoto(t)
	for name, test := range map[string]func(t *testing.T, moto string){
		"the stack": findsAndPauses, "the pause": pauses, "alarms, metrics and logs": watches,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, moto)
		})
	}
}

// account is an AWS of moto's with a drill of a stack.
func account(moto, stack string) *drill {
	d := newDrill(options{}, nil, new(herokuAPI), io.Discard)
	d.began, d.pace, d.stack = time.Now().Add(-time.Minute), pace{tick: time.Millisecond}, target{poller: "keepcurrent-poller", webhook: "keepcurrent-webhook"}
	d.cloud = &cloud{stack: stack, region: "eu-west-1", more: []string{"--endpoint-url", moto}}
	return d
}

// aws runs the CLI as a person would.
func (d *drill) aws(t *testing.T, args ...string) {
	t.Helper()
	if err := d.cloud.ask(t.Context(), nil, args...); err != nil {
		t.Fatal(err)
	}
}

// moto makes a request by hand, because the CLI takes a second to start.
func (d *drill) moto(t *testing.T, service, action, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", d.cloud.more[1], strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if action != "" {
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		req.Header.Set("X-Amz-Target", "Logs_20140328."+action)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=EXAMPLE/20260101/eu-west-1/"+service+"/aws4_request, SignedHeaders=host, Signature=EXAMPLE")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		answer, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s %s: %d %s", service, action, resp.StatusCode, answer)
	}
}

// startMoto returns the address of a moto_server that ends with the test.
func startMoto(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("the test is to be short")
	}
	tool.Path(t, "aws")
	return mototest.Start(t)
}

// A stack that only has what the drill reads. moto does not know the template's own resources.
const template = `{"Parameters": {"Pause": {"Type": "String", "Default": "off"}, "PollMinutes": {"Type": "String", "Default": "5"}, "OnlyTag": {"Type": "String", "Default": ""}},
 "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
 "Outputs": {"WebhookUrl": {"Value": "https://hook.invalid/heroku/webhook"}, "SigningKey": {"Value": "key"},
  "PollerFunction": {"Value": "keepcurrent-poller"}, "WebhookFunction": {"Value": "keepcurrent-webhook"}}}`

// createStack makes that stack.
func (d *drill) createStack(t *testing.T) {
	t.Helper()
	d.aws(t, "cloudformation", "create-stack", "--stack-name", d.cloud.stack, "--template-body", template, "--parameters", // moto knows no others
		"ParameterKey=Pause,ParameterValue=off", "ParameterKey=PollMinutes,ParameterValue=5", "ParameterKey=OnlyTag,ParameterValue=team=shop")
}

func findsAndPauses(t *testing.T, moto string) {
	d := account(moto, "found")
	if _, err := d.cloud.find(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "there is no stack found in the account 123456789012 and the Region eu-west-1: ") {
		t.Errorf("without a stack: %v", err)
	}
	d.createStack(t)
	want := target{"https://hook.invalid/heroku/webhook", "key", "keepcurrent-poller", "keepcurrent-webhook", 5 * time.Minute, []string{"team", "shop"}}
	if got, err := d.cloud.find(t.Context()); !reflect.DeepEqual(got, want) || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if err := d.cloud.pause(t.Context(), "on"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.cloud.find(t.Context()); err == nil || !strings.Contains(err.Error(), "make deploy STACK=found Pause=off") {
		t.Errorf("a stack that a killed drill has left paused: %v", err)
	}
	d.cloud.stack = "other"
	d.aws(t, "cloudformation", "create-stack", "--stack-name", "other", "--template-body", `{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}`)
	if _, err := d.cloud.find(t.Context()); err == nil || !strings.Contains(err.Error(), "is it one of keepcurrent") {
		t.Errorf("a stack without the outputs: %v", err)
	}
}

// A stack that stays paused is the worst that a drill could leave.
func pauses(t *testing.T, moto string) {
	l := start(t)
	d := l.drill(io.Discard)
	d.cloud, d.mayPause = account(moto, "paused").cloud, true
	var disobeys atomic.Bool
	l.cloudFormation(d, func(pause string) {
		if !disobeys.Load() {
			l.deploy("PAUSE=" + pause)
		}
	})
	d.createStack(t)
	if _, err := d.cloud.find(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f := l.perform(d, "subscribe", "pause"); f.Verdict != passed {
		t.Errorf("%s: %s", f.Verdict, f.Says)
	}
	disobeys.Store(true)
	if f := l.perform(d, "pause"); f.Verdict != failed || !strings.Contains(f.Says, "AWSCURRENT has moved") {
		t.Errorf("a stack that does not pause: %s: %s", f.Verdict, f.Says)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	l.cloudFormation(d, func(string) { interrupt() })
	if err := d.perform(ctx, named(t, "pause")); err == nil {
		t.Error("it was not interrupted")
	}
	l.over(d)
	if _, err := d.cloud.find(t.Context()); err != nil {
		t.Errorf("the pause has not ended: %v", err)
	}
}

// cloudFormation stands before the drill's AWS and tells of each change of the parameter Pause,
// once it has been made and before it is answered.
func (l *local) cloudFormation(d *drill, paused func(to string)) {
	to, err := url.Parse(d.cloud.more[1])
	if err != nil {
		l.t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, r)
		if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") == "UpdateStack" {
			paused(form.Get("Parameters.member.1.ParameterValue"))
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	l.t.Cleanup(server.Close)
	d.cloud.more = []string{"--endpoint-url", server.URL}
}

func watches(t *testing.T, moto string) {
	d := account(moto, "kc")
	expect := func(name, verdict, says string) {
		t.Helper()
		if err := d.perform(t.Context(), named(t, name)); err != nil {
			t.Fatal(err)
		}
		if f := d.findings[len(d.findings)-1]; f.Verdict != verdict || !strings.Contains(f.Says, says) {
			t.Errorf("%s: %s: %s", name, f.Verdict, f.Says)
		}
	}
	alarm := func(name string) {
		d.moto(t, "monitoring", "", url.Values{"Action": {"PutMetricAlarm"}, "Version": {"2010-08-01"}, "AlarmName": {"kc-" + name + "-EXAMPLE"}, "Namespace": {"keepcurrent"}, "MetricName": {"Failed"}, "Statistic": {"Sum"},
			"Period": {"60"}, "EvaluationPeriods": {"1"}, "Threshold": {"1"}, "ComparisonOperator": {"GreaterThanThreshold"}}.Encode())
	}
	for _, name := range alarmNames[1:] {
		alarm(name)
	}
	expect("alarms", failed, "there is no alarm "+alarmNames[0])
	alarm(alarmNames[0])
	expect("alarms", passed, "Trouble")

	expect("metrics", notChecked, "the check webhook has not passed")
	d.findings = append(d.findings, finding{Check: "webhook", Verdict: passed})
	expect("metrics", failed, "the metric Published of keepcurrent-webhook has arrived")
	count := func(name, function, value string) {
		d.moto(t, "monitoring", "", url.Values{"Action": {"PutMetricData"}, "Version": {"2010-08-01"}, "Namespace": {"keepcurrent"}, "MetricData.member.1.MetricName": {name}, "MetricData.member.1.Value": {value},
			"MetricData.member.1.Dimensions.member.1.Name": {"FunctionName"}, "MetricData.member.1.Dimensions.member.1.Value": {function}}.Encode())
	}
	count("Published", "keepcurrent-webhook", "3")
	expect("metrics", failed, "the metric GoodRounds of keepcurrent-poller has arrived")
	count("GoodRounds", "keepcurrent-poller", "0") // another secret of the owner's fails
	expect("metrics", passed, "have arrived")

	for _, function := range []string{"webhook", "poller"} {
		d.moto(t, "logs", "CreateLogGroup", `{"logGroupName":"/aws/lambda/kc-`+function+`"}`)
		d.moto(t, "logs", "CreateLogStream", `{"logGroupName":"/aws/lambda/kc-`+function+`","logStreamName":"1"}`)
	}
	say := func(function, line string) {
		d.moto(t, "logs", "PutLogEvents", fmt.Sprintf(`{"logGroupName":"/aws/lambda/kc-%s","logStreamName":"1","logEvents":[{"timestamp":%d,"message":%q}]}`, function, time.Now().UnixMilli(), line))
	}
	expect("logs", failed, "the webhook has logged nothing")
	say("webhook", "published")
	say("poller", "round")
	expect("logs", passed, "2 lines of both functions show none")
	say("poller", "error-"+d.password+"7")
	expect("logs", failed, "the log of the poller shows a credential of this drill")
	if says := d.findings[len(d.findings)-1].Says; strings.Contains(says, d.password) {
		t.Errorf("it shows the credential: %s", says)
	}

	// A token that only reads is no failure: the poller's log says so.
	l := startWith(t, pollEvery, false)
	for _, refusal := range []error{heroku.ErrMayNotWrite, heroku.ErrMayNotList} {
		own := l.drill(io.Discard)
		own.cloud, own.pace.settle = d.cloud, 100*time.Millisecond
		say("poller", `{"msg":"subscription","app":"`+appPrefix+own.mark+`","error":"the webhook: `+refusal.Error()+`"}`)
		if f := l.perform(own, "subscribe"); f.Verdict != notChecked || !strings.Contains(f.Says, "may not write webhooks") {
			t.Errorf("%v: %s: %s", refusal, f.Verdict, f.Says)
		}
		if f := l.perform(own, "webhook"); f.Verdict != passed {
			t.Errorf("%v: %s: %s", refusal, f.Verdict, f.Says)
		}
		l.over(own)
	}
}

func TestALeakIsFoundInEverySpelling(t *testing.T) {
	t.Parallel()
	const credential = "EXAMPLEPASSWORD"
	for line, want := range map[string]string{
		"postgres://drill:EXAMPLEPASSWORD7@h/d":                   "a credential of this drill",
		"body cG9zdGdyZXM6Ly9kcmlsbDpFWEFNUExFUEFTU1dPUkQ3QGgvZA": "a credential of this drill in base64",
		"postgres://u:pEXAMPLE@h/d":                               "what looks like a credential",
		"rediss://:pEXAMPLE@h":                                    "what looks like a credential",
		"HRKU-EXAMPLE":                                            "what looks like a credential",
		`{"msg":"published","version":"65eb3cf14ce8"}`:            "",
		"https://devcenter.heroku.com/articles/x":                 "",
		"mail ops@example.com at 12:30":                           "",
	} {
		if got := leak(line, []string{"", credential}); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/testserver/mototest"
)

// account is an AWS of moto's, for what the drill asks by the AWS CLI.
func account(t *testing.T) *drill {
	t.Helper()
	if _, err := exec.LookPath("aws"); err != nil {
		absent(t, "the AWS CLI is not installed")
	}
	d := &drill{began: time.Now().Add(-time.Minute), out: io.Discard, password: "EXAMPLEPASSWORD", stack: target{Poller: "keepcurrent-poller", Webhook: "keepcurrent-webhook"}, pace: pace{tick: time.Millisecond}}
	d.cloud = &cloud{stack: "kc", region: "eu-west-1", env: []string{
		"AWS_ENDPOINT_URL=" + startMoto(t), "AWS_ACCESS_KEY_ID=EXAMPLE", "AWS_SECRET_ACCESS_KEY=EXAMPLE", "AWS_CONFIG_FILE=" + t.TempDir() + "/none",
	}}
	return d
}

// aws runs the CLI as a person would.
func (d *drill) aws(t *testing.T, args ...string) {
	t.Helper()
	if err := d.cloud.ask(t.Context(), nil, args...); err != nil {
		t.Fatal(err)
	}
}

// absent skips a test for want of a program, or fails it where all are required.
func absent(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("KEEPCURRENT_REQUIRE_TOOLS") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// startMoto returns the address of a moto_server that ends with the test.
func startMoto(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("moto_server"); err != nil || testing.Short() {
		absent(t, "moto_server is not installed, or the test is to be short")
	}
	return mototest.Start(t)
}

// A stack that only has what the drill reads. moto does not know the template's own resources.
const template = `{"Parameters": {"Pause": {"Type": "String", "Default": "off"}, "PollMinutes": {"Type": "String", "Default": "5"}},
 "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
 "Outputs": {"WebhookUrl": {"Value": "https://hook.invalid/heroku/webhook"}, "SigningKey": {"Value": "key"},
  "PollerFunction": {"Value": "keepcurrent-poller"}, "WebhookFunction": {"Value": "keepcurrent-webhook"}, "Pause": {"Value": {"Ref": "Pause"}}}}`

func TestTheStackIsFoundAndPausedByTheCLI(t *testing.T) {
	t.Parallel()
	d := account(t)
	if err := d.cloud.describe(t.Context()); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("without a stack: %v", err)
	}
	d.aws(t, "cloudformation", "create-stack", "--stack-name", "kc", "--template-body", template,
		"--parameters", "ParameterKey=Pause,ParameterValue=off", "ParameterKey=PollMinutes,ParameterValue=5") // moto knows no others
	if err := d.cloud.describe(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := target{"https://hook.invalid/heroku/webhook", "key", "keepcurrent-poller", "keepcurrent-webhook"}
	if got, err := d.cloud.target(); got != want || err != nil || d.cloud.poll() != 5*time.Minute {
		t.Errorf("got %v, %v, %s", got, err, d.cloud.poll())
	}
	for _, to := range []string{"on", "off"} {
		if err := d.cloud.pause(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if err := d.cloud.describe(t.Context()); err != nil || d.cloud.outputs["Pause"] != to {
			t.Errorf("the pause is %q, want %q, %v", d.cloud.outputs["Pause"], to, err)
		}
	}
	d.cloud.outputs["WebhookUrl"] = ""
	if _, err := d.cloud.target(); err == nil {
		t.Error("a stack without the output is taken for one of keepcurrent")
	}
}

// A stack that stays paused is the worst that a drill could leave.
func TestThePauseIsTriedAndAlwaysEnds(t *testing.T) {
	t.Parallel()
	l := start(t)
	d := l.drill(io.Discard)
	d.cloud, d.mayPause = account(t).cloud, true
	obeys := true
	d.cloud.env = append(d.cloud.env, "AWS_ENDPOINT_URL_CLOUDFORMATION="+l.cloudFormation(strings.TrimPrefix(d.cloud.env[0], "AWS_ENDPOINT_URL="), func(pause string) {
		if obeys {
			l.deploy("PAUSE=" + pause)
		}
	}))
	d.aws(t, "cloudformation", "create-stack", "--stack-name", "kc", "--template-body", template,
		"--parameters", "ParameterKey=Pause,ParameterValue=off", "ParameterKey=PollMinutes,ParameterValue=5")
	if err := d.cloud.describe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f := l.perform(d, "subscribe", "pause"); f.Verdict != passed {
		t.Errorf("%s: %s", f.Verdict, f.Says)
	}
	obeys = false
	if f := l.perform(d, "pause"); f.Verdict != failed || !strings.Contains(f.Says, "AWSCURRENT has moved") {
		t.Errorf("a stack that does not pause: %s: %s", f.Verdict, f.Says)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	d.cloud.env = append(d.cloud.env, "AWS_ENDPOINT_URL_CLOUDFORMATION="+l.cloudFormation(strings.TrimPrefix(d.cloud.env[0], "AWS_ENDPOINT_URL="), func(string) { interrupt() }))
	if err := d.perform(ctx, named(t, "pause")); err == nil {
		t.Error("it was not interrupted")
	}
	l.over(d)
	if err := d.cloud.describe(t.Context()); err != nil || d.cloud.outputs["Pause"] != "off" {
		t.Errorf("the pause is %q, %v", d.cloud.outputs["Pause"], err)
	}
}

// cloudFormation stands before moto's and tells of each change of the parameter Pause.
func (l *local) cloudFormation(moto string, paused func(to string)) string {
	to, err := url.Parse(moto)
	if err != nil {
		l.t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
		if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") == "UpdateStack" {
			paused(form.Get("Parameters.member.1.ParameterValue"))
		}
	}))
	l.t.Cleanup(server.Close)
	return server.URL
}

// One account for all, because each takes seconds to start; the steps follow each other.
func TestAlarmsMetricsAndLogsAreChecked(t *testing.T) {
	t.Parallel()
	d := account(t)
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
		d.aws(t, "cloudwatch", "put-metric-alarm", "--alarm-name", "kc-"+name+"-EXAMPLE", "--namespace", "keepcurrent", "--metric-name", "Failed", "--statistic", "Sum",
			"--period", "60", "--evaluation-periods", "1", "--threshold", "1", "--comparison-operator", "GreaterThanThreshold")
	}
	for _, name := range alarmNames[1:] {
		alarm(name)
	}
	expect("alarms", failed, "there is no alarm "+alarmNames[0])
	alarm(alarmNames[0])
	expect("alarms", passed, "Trouble")

	expect("metrics", notChecked, "the check webhook has not passed")
	d.findings = append(d.findings, finding{Check: "webhook", Verdict: passed})
	expect("metrics", failed, "the metric Published of keepcurrent-webhook is more than 0")
	count := func(name, function, value string) {
		d.aws(t, "cloudwatch", "put-metric-data", "--namespace", "keepcurrent", "--metric-name", name, "--dimensions", "FunctionName="+function, "--value", value)
	}
	count("Published", "keepcurrent-webhook", "3")
	count("GoodRounds", "keepcurrent-poller", "0")
	expect("metrics", failed, "the metric GoodRounds of keepcurrent-poller is more than 0")
	count("GoodRounds", "keepcurrent-poller", "1")
	expect("metrics", passed, "have arrived")

	for _, function := range []string{"webhook", "poller"} {
		d.aws(t, "logs", "create-log-group", "--log-group-name", "/aws/lambda/kc-"+function)
		d.aws(t, "logs", "create-log-stream", "--log-group-name", "/aws/lambda/kc-"+function, "--log-stream-name", "1")
	}
	say := func(function, line string) {
		d.aws(t, "logs", "put-log-events", "--log-group-name", "/aws/lambda/kc-"+function, "--log-stream-name", "1",
			"--log-events", fmt.Sprintf(`[{"timestamp":%d,"message":%q}]`, time.Now().UnixMilli(), line))
	}
	expect("logs", failed, "the webhook has logged nothing")
	say("webhook", "published")
	say("poller", "round")
	expect("logs", passed, "2 lines of both functions show none")
	say("poller", "error-EXAMPLEPASSWORD7")
	expect("logs", failed, "the log of the poller shows a credential of this drill")
	if says := d.findings[len(d.findings)-1].Says; strings.Contains(says, d.password) {
		t.Errorf("it shows the credential: %s", says)
	}

	// A token that only reads is no failure: the poller's log says so.
	l := startWith(t, pollEvery, false)
	own := l.drill(io.Discard)
	own.cloud, own.pace.settle = d.cloud, 100*time.Millisecond
	say("poller", `{"msg":"subscription","app":"`+appPrefix+own.mark+`","error":"the token must also write: heroku authorizations:create -s write-protected"}`)
	if f := l.perform(own, "subscribe"); f.Verdict != notChecked || !strings.Contains(f.Says, "may not write webhooks") {
		t.Errorf("%s: %s", f.Verdict, f.Says)
	}
	if f := l.perform(own, "webhook"); f.Verdict != passed {
		t.Errorf("%s: %s", f.Verdict, f.Says)
	}
	l.over(own)
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

package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepcurrent.example/internal/cmd/awscli"
)

// cloud is what is asked once of AWS, by its CLI: so the module needs no SDK for it.
type cloud struct {
	stack      string
	region     string
	more       []string // arguments of every command
	parameters map[string]string
}

// ask runs a command of the AWS CLI and decodes its answer.
func (c *cloud) ask(ctx context.Context, answer any, args ...string) error {
	out, err := awscli.Run(ctx, nil, slices.Concat(args, []string{"--region", c.region, "--output", "json"}, c.more)...)
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal(out, answer)
}

// find reads the stack's outputs and parameters.
func (c *cloud) find(ctx context.Context) (t target, err error) {
	var answer struct {
		Stacks []struct {
			Outputs    []struct{ OutputKey, OutputValue string }
			Parameters []struct{ ParameterKey, ParameterValue string }
		}
	}
	err = c.ask(ctx, &answer, "cloudformation", "describe-stacks", "--stack-name", c.stack)
	switch {
	case awscli.Says(err, "does not exist"):
		account, _ := awscli.Account(ctx, c.region, c.more...)
		return t, awscli.NoStack(c.stack, account, c.region)
	case err != nil:
		return t, fmt.Errorf("how the stack %s is: %w", c.stack, err)
	}
	outputs := make(map[string]string)
	c.parameters = make(map[string]string)
	for _, s := range answer.Stacks {
		for _, o := range s.Outputs {
			outputs[o.OutputKey] = o.OutputValue
		}
		for _, p := range s.Parameters {
			c.parameters[p.ParameterKey] = p.ParameterValue
		}
	}
	t = target{webhookURL: outputs["WebhookUrl"], signingKey: outputs["SigningKey"], poller: outputs["PollerFunction"], webhook: outputs["WebhookFunction"], poll: time.Minute}
	if minutes, err := strconv.Atoi(c.parameters["PollMinutes"]); err == nil {
		t.poll = time.Duration(minutes) * time.Minute
	}
	if key, value, some := strings.Cut(c.parameters["OnlyTag"], "="); some {
		t.onlyTag = []string{key, value}
	}
	switch {
	case t.webhookURL == "" || t.poller == "" || t.webhook == "":
		return t, fmt.Errorf("the stack %s lacks one of the outputs WebhookUrl, PollerFunction and WebhookFunction: is it one of keepcurrent, and up to date?", c.stack)
	case c.parameters["Pause"] == "on":
		return t, fmt.Errorf("the stack %[1]s is paused, by a person or by a drill that was killed. To end that: make deploy STACK=%[1]s Pause=off", c.stack)
	}
	return t, nil
}

// pause sets the parameter Pause, and waits until the functions have it.
func (c *cloud) pause(ctx context.Context, to string) error {
	args := []string{"cloudformation", "update-stack", "--stack-name", c.stack, "--use-previous-template",
		"--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--parameters", "ParameterKey=Pause,ParameterValue=" + to}
	for name := range c.parameters {
		if name != "Pause" {
			args = append(args, "ParameterKey="+name+",UsePreviousValue=true")
		}
	}
	err := c.ask(ctx, nil, args...)
	for awscli.Says(err, "_IN_PROGRESS") { // the drill was interrupted in the middle of the last one
		if err := wait(ctx, 5*time.Second); err != nil {
			return err
		}
		err = c.ask(ctx, nil, args...)
	}
	if err != nil && !awscli.Says(err, "No updates are to be performed") {
		return err
	}
	return c.ask(ctx, nil, "cloudformation", "wait", "stack-update-complete", "--stack-name", c.stack)
}

// alarmNames are the alarms of the template that every stack has.
var alarmNames = []string{"ApiErrors", "BadSignatures", "NoGoodRound", "NothingBound", "OnlyReplicas", "Overdue", "TokenRefused", "Trouble",
	"WebhookErrors", "WebhookMissed", "WebhookThrottled", "WebhookWrong"}

func alarms(x *trial) {
	if x.cloud == nil {
		ok(skip("there is no CloudWatch here"))
	}
	var answer struct {
		MetricAlarms []struct{ AlarmName, StateValue string }
	}
	ok(x.cloud.ask(x.ctx, &answer, "cloudwatch", "describe-alarms", "--alarm-name-prefix", x.cloud.stack+"-"))
	state := make(map[string]string)
	for _, a := range answer.MetricAlarms {
		name, _, _ := strings.Cut(strings.TrimPrefix(a.AlarmName, x.cloud.stack+"-"), "-")
		state[name] = a.StateValue
	}
	var states, missing []string
	for _, name := range alarmNames {
		if states = append(states, name+" "+state[name]); state[name] == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		fail("there is no alarm %s", strings.Join(missing, ", "))
	}
	x.says("%s", strings.Join(states, ", "))
}

// metrics waits for what the functions must have counted during this drill. A round is not
// good if another secret of the owner's fails, so of GoodRounds any count will do.
func metrics(x *trial) {
	if x.cloud == nil {
		ok(skip("there is no CloudWatch here"))
	}
	for _, m := range []struct {
		name, function string
		least          float64
	}{{"Published", x.stack.webhook, 1}, {"GoodRounds", x.stack.poller, 0}} {
		must(until(x.ctx, "the metric "+m.name+" of "+m.function+" has arrived", x.pace.list, 10*x.pace.tick, func() (bool, error) {
			var answer struct{ Datapoints []struct{ Sum float64 } }
			err := x.cloud.ask(x.ctx, &answer, "cloudwatch", "get-metric-statistics", "--namespace", "keepcurrent", "--metric-name", m.name,
				"--dimensions", "Name=FunctionName,Value="+m.function, "--statistics", "Sum", "--period", "60",
				"--start-time", x.began.UTC().Format(time.RFC3339), "--end-time", time.Now().Add(time.Minute).UTC().Format(time.RFC3339))
			return slices.ContainsFunc(answer.Datapoints, func(p struct{ Sum float64 }) bool { return p.Sum >= m.least }), err
		}))
	}
	x.says("Published of the webhook and GoodRounds of the poller have arrived")
}

// logs returns the lines that a function has logged since a time.
func (c *cloud) logs(ctx context.Context, function string, since time.Time) (lines []string, err error) {
	var answer struct{ Events []struct{ Message string } }
	err = c.ask(ctx, &answer, "logs", "filter-log-events", "--log-group-name", "/aws/lambda/"+c.stack+"-"+function,
		"--start-time", fmt.Sprint(since.UnixMilli()))
	for _, e := range answer.Events {
		lines = append(lines, e.Message)
	}
	return lines, err
}

// logs searches what both functions have logged during this drill.
func logs(x *trial) {
	if x.cloud == nil {
		ok(skip("there is no CloudWatch Logs here"))
	}
	read := 0
	for _, function := range []string{"webhook", "poller"} {
		lines := must(x.cloud.logs(x.ctx, function, x.began))
		if len(lines) == 0 {
			fail("the %s has logged nothing", function)
		}
		read += len(lines)
		for _, line := range lines {
			if what := leak(line, x.hide); what != "" {
				fail("the log of the %s shows %s", function, what)
			}
		}
	}
	x.says("%d lines of both functions show none", read)
}

// looksLike are the forms of what no log may show: a URL with a password, a token of
// Heroku's.
var looksLike = regexp.MustCompile(`[a-z]+://[^\s/@"]*:[^\s/@"]+@|HRKU-`)

// leak says which credential a line shows, without showing it, or "".
func leak(line string, credentials []string) string {
	for _, c := range credentials {
		if c == "" {
			continue
		}
		if strings.Contains(line, c) {
			return "a credential of this drill"
		}
		for before := range 3 { // base64 has three forms, by what stands before
			encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", before) + c))
			if strings.Contains(line, encoded[(before*8+5)/6:(before+len(c))*8/6]) {
				return "a credential of this drill in base64"
			}
		}
	}
	if looksLike.MatchString(line) {
		return "what looks like a credential"
	}
	return ""
}

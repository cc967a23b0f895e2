package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cloud is what is asked once of AWS, by its CLI: so the module needs no SDK for it.
type cloud struct {
	stack      string
	region     string
	env        []string // beside that of this process
	outputs    map[string]string
	parameters map[string]string
}

const installCLI = "the AWS CLI is not installed: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"

// ask runs a command of the AWS CLI and decodes its answer.
func (c *cloud) ask(ctx context.Context, answer any, args ...string) error {
	cmd := exec.CommandContext(ctx, "aws", append(args, "--region", c.region, "--output", "json")...)
	cmd.Env = append(append(os.Environ(), "AWS_PAGER="), c.env...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, exec.ErrNotFound) {
			return errors.New(installCLI)
		}
		return fmt.Errorf("aws %s %s: %s", args[0], args[1], strings.TrimSpace(complaint.String()))
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(out.Bytes(), answer)
}

// describe reads the stack's outputs and parameters.
func (c *cloud) describe(ctx context.Context) error {
	var answer struct {
		Stacks []struct {
			Outputs    []struct{ OutputKey, OutputValue string }
			Parameters []struct{ ParameterKey, ParameterValue string }
		}
	}
	if err := c.ask(ctx, &answer, "cloudformation", "describe-stacks", "--stack-name", c.stack); err != nil {
		return err
	}
	if len(answer.Stacks) == 0 {
		return fmt.Errorf("there is no stack %s", c.stack)
	}
	c.outputs, c.parameters = make(map[string]string), make(map[string]string)
	for _, o := range answer.Stacks[0].Outputs {
		c.outputs[o.OutputKey] = o.OutputValue
	}
	for _, p := range answer.Stacks[0].Parameters {
		c.parameters[p.ParameterKey] = p.ParameterValue
	}
	return nil
}

// target returns what the outputs say.
func (c *cloud) target() (target, error) {
	t := target{WebhookURL: c.outputs["WebhookUrl"], SigningKey: c.outputs["SigningKey"], Poller: c.outputs["PollerFunction"], Webhook: c.outputs["WebhookFunction"]}
	if t.WebhookURL == "" || t.Poller == "" || t.Webhook == "" {
		return t, fmt.Errorf("the stack %s lacks one of the outputs WebhookUrl, PollerFunction and WebhookFunction: is it one of keepcurrent, and up to date?", c.stack)
	}
	return t, nil
}

// poll returns the time from one poll to the next.
func (c *cloud) poll() time.Duration {
	minutes, err := strconv.Atoi(c.parameters["PollMinutes"])
	if err != nil {
		minutes = 1 // the template's default
	}
	return time.Duration(minutes) * time.Minute
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
	for err != nil && strings.Contains(err.Error(), "_IN_PROGRESS") { // the drill was interrupted in the middle of the last one
		if err := wait(ctx, 5*time.Second); err != nil {
			return err
		}
		err = c.ask(ctx, nil, args...)
	}
	if err != nil && !strings.Contains(err.Error(), "No updates are to be performed") {
		return err
	}
	return c.ask(ctx, nil, "cloudformation", "wait", "stack-update-complete", "--stack-name", c.stack)
}

// alarmNames are the alarms of the template that every stack has.
var alarmNames = []string{"ApiErrors", "BadSignatures", "NoGoodRound", "NothingBound", "OnlyReplicas", "Overdue", "TokenRefused", "Trouble",
	"WebhookErrors", "WebhookMissed", "WebhookThrottled", "WebhookWrong"}

func alarms(ctx context.Context, d *drill) (outcome, error) {
	if d.cloud == nil {
		return outcome{}, skip("there is no CloudWatch here")
	}
	var answer struct {
		MetricAlarms []struct{ AlarmName, StateValue string }
	}
	if err := d.cloud.ask(ctx, &answer, "cloudwatch", "describe-alarms", "--alarm-name-prefix", d.cloud.stack+"-"); err != nil {
		return outcome{}, err
	}
	var states, missing []string
	for _, name := range alarmNames {
		i := slices.IndexFunc(answer.MetricAlarms, func(a struct{ AlarmName, StateValue string }) bool {
			return strings.HasPrefix(a.AlarmName, d.cloud.stack+"-"+name+"-")
		})
		if i < 0 {
			missing = append(missing, name)
			continue
		}
		states = append(states, name+" "+answer.MetricAlarms[i].StateValue)
	}
	if len(missing) > 0 {
		return outcome{}, errors.New("there is no alarm " + strings.Join(missing, ", "))
	}
	return outcome{says: strings.Join(states, ", ")}, nil
}

// metrics waits for what the functions must have counted during this drill.
func metrics(ctx context.Context, d *drill) (outcome, error) {
	switch {
	case d.cloud == nil:
		return outcome{}, skip("there is no CloudWatch here")
	case !d.hasPassed("webhook"):
		return outcome{}, skip("the check webhook has not passed, so there may be nothing to count")
	}
	for _, m := range []struct{ name, function string }{{"Published", d.stack.Webhook}, {"GoodRounds", d.stack.Poller}} {
		_, err := until(ctx, "the metric "+m.name+" of "+m.function+" is more than 0", d.pace.list, 10*d.pace.tick, func() (bool, error) {
			var answer struct{ Datapoints []struct{ Sum float64 } }
			err := d.cloud.ask(ctx, &answer, "cloudwatch", "get-metric-statistics", "--namespace", "keepcurrent", "--metric-name", m.name,
				"--dimensions", "Name=FunctionName,Value="+m.function, "--statistics", "Sum", "--period", "60",
				"--start-time", d.began.UTC().Format(time.RFC3339), "--end-time", time.Now().Add(time.Minute).UTC().Format(time.RFC3339))
			return slices.ContainsFunc(answer.Datapoints, func(p struct{ Sum float64 }) bool { return p.Sum > 0 }), err
		})
		if err != nil {
			return outcome{}, err
		}
	}
	return outcome{says: "Published of the webhook and GoodRounds of the poller have arrived"}, nil
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
func logs(ctx context.Context, d *drill) (outcome, error) {
	if d.cloud == nil {
		return outcome{}, skip("there is no CloudWatch Logs here")
	}
	read := 0
	for _, function := range []string{"webhook", "poller"} {
		lines, err := d.cloud.logs(ctx, function, d.began)
		if err != nil {
			return outcome{}, err
		}
		if len(lines) == 0 && d.hasPassed("webhook") {
			return outcome{}, fmt.Errorf("the %s has logged nothing", function)
		}
		read += len(lines)
		for _, line := range lines {
			if what := leak(line, append(d.hide, d.password)); what != "" {
				return outcome{}, fmt.Errorf("the log of the %s shows %s", function, what)
			}
		}
	}
	return outcome{says: fmt.Sprintf("%d lines of both functions show none", read)}, nil
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

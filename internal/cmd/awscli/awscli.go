// Package awscli runs the AWS CLI, so that our commands find account, Region and login as
// a person's own commands do.
package awscli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ErrMissing says that there is no AWS CLI.
var ErrMissing = errors.New("the AWS CLI is not installed: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html")

// ErrNoRegion says that the AWS CLI does not know the Region.
var ErrNoRegion = errors.New("the AWS CLI has no Region: export AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1 (yours), or run: aws configure")

// failure is what the AWS CLI says when it fails.
type failure struct{ command, says string }

func (e *failure) Error() string { return "aws " + e.command + ": " + e.says }

// Says reports whether an error is the AWS CLI's and has one of the words.
func Says(err error, words ...string) bool {
	var e *failure
	if !errors.As(err, &e) {
		return false
	}
	for _, word := range words {
		if strings.Contains(e.says, word) {
			return true
		}
	}
	return false
}

// isSilent reports whether an error is the AWS CLI's, and the CLI did not complain of anything.
func isSilent(err error) bool {
	var e *failure
	return errors.As(err, &e) && e.says == ""
}

// Run runs the AWS CLI and returns what it prints. If the CLI fails, the error has what it
// complains of: see [Says]. If there is no CLI, it is [ErrMissing]; if a command needs a
// Region and there is none, [ErrNoRegion].
func Run(ctx context.Context, in io.Reader, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "aws", args...)
	cmd.Env = append(os.Environ(), "AWS_PAGER=")
	if region := os.Getenv("AWS_REGION"); region != "" { // which version 1 of the CLI does not read
		cmd.Env = append(cmd.Env, "AWS_DEFAULT_REGION="+region)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &complaint
	err := cmd.Run()
	switch {
	case err == nil:
		return out.Bytes(), nil
	case errors.Is(err, exec.ErrNotFound):
		return nil, ErrMissing
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	failed := &failure{command: strings.Join(args[:min(2, len(args))], " "), says: plain(complaint.String())}
	if Says(failed, "You must specify a region") {
		return nil, ErrNoRegion
	}
	return out.Bytes(), failed
}

// Invoke invokes a Lambda function and returns its answer. A function that fails answers with
// JSON that says so, which is no error here. more are further arguments, such as --region.
func Invoke(ctx context.Context, function, event string, more ...string) ([]byte, error) {
	answer, err := os.CreateTemp("", "keepcurrent-*.json")
	if err != nil {
		return nil, err
	}
	defer os.Remove(answer.Name())
	defer answer.Close()
	// fileb:// is read as it is by both versions of the CLI. Without the time-out of 0, the CLI
	// stops waiting after a minute and invokes again.
	args := append([]string{"lambda", "invoke", "--function-name", function, "--payload", "fileb:///dev/stdin", "--cli-read-timeout", "0"}, more...)
	if _, err := Run(ctx, strings.NewReader(event), append(args, answer.Name())...); err != nil {
		return nil, err
	}
	return io.ReadAll(answer)
}

// Poller returns the name of a stack's poller.
func Poller(ctx context.Context, stack string) (string, error) {
	out, err := Run(ctx, nil, "cloudformation", "describe-stacks", "--stack-name", stack, "--output", "text",
		"--query", "Stacks[0].Outputs[?OutputKey=='PollerFunction'].OutputValue")
	name := strings.TrimSpace(string(out))
	switch {
	case Says(err, "does not exist"):
		region, _ := Region(ctx)
		account, _ := Account(ctx, region)
		return "", NoStack(stack, account, region)
	case err != nil:
		return "", fmt.Errorf("which function is the poller of the stack %s: %w", stack, err)
	case name == "" || name == "None":
		return "", fmt.Errorf("the stack %s has no output PollerFunction: it is not one of keepcurrent's, or is not complete", stack)
	}
	return name, nil
}

// NoStack says that an account and a Region have no such stack. The account may be unknown: "".
func NoStack(name, account, region string) error {
	where := "this account"
	if account != "" {
		where = "the account " + account
	}
	return fmt.Errorf("there is no stack %s in %s and the Region %s: say another STACK=…, or set AWS_REGION or AWS_PROFILE", name, where, region)
}

// Account returns the number of the account that the AWS CLI uses. more are further arguments,
// as of [Invoke].
func Account(ctx context.Context, region string, more ...string) (string, error) {
	out, err := Run(ctx, nil, append([]string{"sts", "get-caller-identity", "--query", "Account", "--output", "text", "--region", region}, more...)...)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
}

// Region returns the Region as version 2 of the AWS CLI finds it.
func Region(ctx context.Context) (string, error) {
	if region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")); region != "" {
		return region, nil
	}
	out, err := Run(ctx, nil, "configure", "get", "region")
	region := strings.TrimSpace(string(out))
	switch {
	case region != "":
		return region, nil
	case isSilent(err): // it is, where no Region is set
		return "", ErrNoRegion
	default:
		return "", errors.Join(ErrNoRegion, err)
	}
}

// IsStackName reports whether a stack can have that name.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
func IsStackName(name string) bool { return stackName.MatchString(name) }

// BadStackName says what a stack's name is.
const BadStackName = "a stack's name has at most 128 letters, digits and dashes, and begins with a letter"

var stackName = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]{0,127}$`)

// plain returns a complaint without the CLI's lines of progress.
func plain(complaint string) string {
	lines := strings.FieldsFunc(complaint, func(r rune) bool { return r == '\n' || r == '\r' })
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "Uploading to ") }), "\n")
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"keepcurrent.example/internal/cmd/awscli"
)

// stack is a stack of CloudFormation, in an account and a Region.
type stack struct {
	name, region, account string
	out                   io.Writer
	seen                  time.Time // the events up to then were told
}

// open finds the Region and the account, and says them before anything happens.
func (s *stack) open(ctx context.Context) error {
	if _, err := exec.LookPath("aws"); err != nil {
		return awscli.ErrMissing
	}
	s.region = os.Getenv("AWS_REGION") // which version 1 of the CLI does not read
	if s.region == "" {
		out, err := awscli.Run(ctx, nil, "configure", "get", "region")
		if s.region = strings.TrimSpace(string(out)); s.region == "" {
			s.region = os.Getenv("AWS_DEFAULT_REGION")
		}
		if s.region == "" {
			return errors.Join(errors.New("the AWS CLI has no Region: export AWS_REGION=eu-west-1 (yours), or run: aws configure"), err)
		}
	}
	var who struct{ Account, Arn string }
	if err := s.ask(ctx, &who, "sts", "get-caller-identity"); err != nil {
		return fmt.Errorf("which account this is: %w", err)
	}
	s.account = who.Account
	fmt.Fprintf(s.out, "stack %s, account %s, Region %s\n", s.name, s.account, s.region)
	return nil
}

// ask runs a command of the AWS CLI, and decodes its answer.
func (s *stack) ask(ctx context.Context, answer any, args ...string) error {
	out, err := s.run(ctx, args...)
	if err == nil && answer != nil {
		if err = json.Unmarshal(out, answer); err != nil {
			err = fmt.Errorf("aws %s %s: %w", args[0], args[1], err)
		}
	}
	return err
}

func (s *stack) run(ctx context.Context, args ...string) ([]byte, error) {
	return awscli.Run(ctx, nil, append(args, "--region", s.region, "--output", "json")...)
}

type parameter struct{ ParameterKey, ParameterValue string }

// described is a stack as CloudFormation describes it.
type described struct {
	StackStatus, StackStatusReason string
	Outputs                        []struct{ OutputKey, OutputValue string }
	Parameters                     []parameter
}

func (d described) output(key string) string {
	for _, o := range d.Outputs {
		if o.OutputKey == key {
			return o.OutputValue
		}
	}
	return ""
}

func (d described) parameter(key string) string {
	for _, p := range d.Parameters {
		if p.ParameterKey == key {
			return p.ParameterValue
		}
	}
	return ""
}

// isOurs reports whether the stack is made by our template, or is an empty one that waits
// for its first change set.
func (d described) isOurs() bool {
	return d.StackStatus == "REVIEW_IN_PROGRESS" || slices.ContainsFunc(d.Parameters, func(p parameter) bool { return p.ParameterKey == "PollMinutes" })
}

// describe returns false if there is no such stack.
func (s *stack) describe(ctx context.Context) (described, bool, error) {
	var answer struct{ Stacks []described }
	err := s.ask(ctx, &answer, "cloudformation", "describe-stacks", "--stack-name", s.name)
	if awscli.Says(err, "does not exist") {
		return described{}, false, nil
	}
	if err != nil || len(answer.Stacks) == 0 {
		return described{}, false, err
	}
	return answer.Stacks[0], true, nil
}

// existing opens the stack, which must be there, and describes it.
func (s *stack) existing(ctx context.Context) (described, error) {
	if err := s.open(ctx); err != nil {
		return described{}, err
	}
	now, isThere, err := s.describe(ctx)
	switch {
	case err != nil:
		return now, fmt.Errorf("how the stack is: %w", err)
	case !isThere:
		return now, fmt.Errorf("there is no stack %s in this account and Region", s.name)
	}
	return now, nil
}

// event is one step of a resource.
type event struct {
	Timestamp                                                                                 time.Time
	LogicalResourceId, PhysicalResourceId, ResourceType, ResourceStatus, ResourceStatusReason string
}

// failed reports whether the event says why the stack failed: the others are only what
// follows from it.
func (e event) failed() bool {
	return strings.HasSuffix(e.ResourceStatus, "_FAILED") && !strings.Contains(e.ResourceStatusReason, "cancelled")
}

// events returns the events since a time, the oldest first.
func (s *stack) events(ctx context.Context, since time.Time) (events []event, err error) {
	var answer struct{ StackEvents []event }
	if err := s.ask(ctx, &answer, "cloudformation", "describe-stack-events", "--stack-name", s.name, "--max-items", "200"); err != nil {
		return nil, err
	}
	for i := len(answer.StackEvents) - 1; i >= 0; i-- {
		if e := answer.StackEvents[i]; e.Timestamp.After(since) {
			events = append(events, e)
		}
	}
	return events, nil
}

// follow tells the events of the stack as they come, until the command has ended.
func (s *stack) follow(ctx context.Context, command func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- command() }()
	for {
		select {
		case err := <-ended:
			s.tell(ctx)
			return err
		case <-time.After(5 * time.Second):
			s.tell(ctx)
		}
	}
}

// tell tells the events that are new. An error is left to the command that is followed.
func (s *stack) tell(ctx context.Context) {
	events, err := s.events(ctx, s.seen)
	if err != nil {
		return
	}
	for _, e := range events {
		s.seen = e.Timestamp
		reason := ""
		if e.failed() {
			reason = ": " + e.ResourceStatusReason
		}
		fmt.Fprintf(s.out, "  %s  %-20s %s%s\n", e.Timestamp.Local().Format(time.TimeOnly), strings.ToLower(strings.ReplaceAll(e.ResourceStatus, "_", " ")), e.LogicalResourceId, reason)
	}
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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
	told                  map[string]bool // the events that were, by id
	failures              []event         // those of the events told since begin that say why something failed
}

// open finds the Region and the account, and says them before anything happens.
func (s *stack) open(ctx context.Context) error {
	if _, err := exec.LookPath("aws"); err != nil {
		return awscli.ErrMissing
	}
	region, err := awscli.Region(ctx)
	if err != nil {
		return err
	}
	s.region = region
	if s.account, err = awscli.Account(ctx, s.region); err != nil {
		return fmt.Errorf("which account this is: %w", err)
	}
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

// isOurs reports whether the stack is made by our template.
func (d described) isOurs() bool {
	return slices.ContainsFunc(d.Parameters, func(p parameter) bool { return p.ParameterKey == "PollMinutes" })
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
		return now, awscli.NoStack(s.name, s.account, s.region)
	}
	return now, nil
}

// event is one step of a resource.
type event struct {
	EventId                                                                                   string
	Timestamp                                                                                 time.Time
	LogicalResourceId, PhysicalResourceId, ResourceType, ResourceStatus, ResourceStatusReason string
}

// failed reports whether the event says why the stack failed: the others are only what
// follows from it.
func (e event) failed() bool {
	return strings.HasSuffix(e.ResourceStatus, "_FAILED") && !strings.Contains(e.ResourceStatusReason, "cancelled")
}

// fresh returns the events that were not told yet, the oldest first. They are known by their
// ids, for this machine's clock is not AWS's.
func (s *stack) fresh(ctx context.Context) (events []event, err error) {
	var answer struct{ StackEvents []event }
	if err := s.ask(ctx, &answer, "cloudformation", "describe-stack-events", "--stack-name", s.name, "--max-items", "200"); err != nil {
		return nil, err
	}
	for _, e := range slices.Backward(answer.StackEvents) {
		if !s.told[e.EventId] {
			s.told[e.EventId] = true
			events = append(events, e)
		}
	}
	return events, nil
}

// begin passes over the events of what was done to the stack before.
func (s *stack) begin(ctx context.Context) error {
	s.told, s.failures = make(map[string]bool), nil
	_, err := s.fresh(ctx)
	if awscli.Says(err, "does not exist") {
		return nil
	}
	return err
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
	events, err := s.fresh(ctx)
	if err != nil {
		return
	}
	for _, e := range events {
		reason := ""
		if e.failed() {
			reason = ": " + e.ResourceStatusReason
			s.failures = append(s.failures, e)
		}
		fmt.Fprintf(s.out, "  %s  %-20s %s%s\n", e.Timestamp.Local().Format(time.TimeOnly), strings.ToLower(strings.ReplaceAll(e.ResourceStatus, "_", " ")), e.LogicalResourceId, reason)
	}
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"keepcurrent.example/internal/cmd/awscli"
)

type options struct {
	bucket, template string
	parameters       settings
}

// deploy brings the stack to the template, by the AWS CLI's own package and deploy.
func (s *stack) deploy(ctx context.Context, o options) error {
	if err := check(o.template, o.parameters); err != nil {
		return err
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	before, isThere, err := s.describe(ctx)
	if err != nil {
		return fmt.Errorf("how the stack is: %w", err)
	}
	// A stack that waits for its first change set has nothing yet: a change set that failed
	// leaves one, and `aws cloudformation deploy` goes on with it.
	isEmpty := before.StackStatus == "REVIEW_IN_PROGRESS"
	isThere = isThere && !isEmpty
	if isThere && !before.isOurs() {
		return fmt.Errorf("the stack %s is not one of keepcurrent's (it has no parameter PollMinutes): say another name, STACK=…", s.name)
	}
	if isThere && hasNeverWorked(before.StackStatus) {
		fmt.Fprintf(s.out, "the stack has never worked (%s): clearing it away\n", before.StackStatus)
		if err := s.clear(ctx); err != nil {
			return err
		}
		isThere = false
	}
	if o.bucket, err = s.bucket(ctx, o.bucket); err != nil {
		return err
	}
	if err := s.compile(ctx); err != nil {
		return err
	}
	packaged, err := s.pack(ctx, o)
	if err != nil {
		return err
	}
	defer os.Remove(packaged)
	if err := s.begin(ctx); err != nil {
		return err
	}
	if err := s.follow(ctx, func() error { return s.apply(ctx, packaged, o) }); err != nil {
		return s.explain(ctx, err, o.bucket, isThere, isEmpty)
	}
	after, _, err := s.describe(ctx)
	if err != nil {
		return err
	}
	s.next(after)
	return nil
}

// limits is what the template says that a parameter can be.
type limits struct {
	Type                  string   `yaml:"Type"`
	AllowedValues         []string `yaml:"AllowedValues"`
	AllowedPattern        string   `yaml:"AllowedPattern"`
	ConstraintDescription string   `yaml:"ConstraintDescription"`
	MaxLength             int      `yaml:"MaxLength"` // in characters; 0 is any
	MinValue              *int     `yaml:"MinValue"`
	MaxValue              *int     `yaml:"MaxValue"`
}

// check refuses a parameter that the template does not have, because a misspelt one would be
// lost, and a value that CloudFormation would refuse after minutes.
func check(template string, given settings) error {
	text, err := os.ReadFile(template)
	if err != nil {
		return err
	}
	var has struct {
		Parameters map[string]limits `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal(text, &has); err != nil {
		return fmt.Errorf("%s: %w", template, err)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		p, ok := has.Parameters[name]
		if !ok {
			return unknown(template, name, slices.Sorted(maps.Keys(has.Parameters)))
		}
		if wants := p.refuses(given[name]); wants != "" {
			return fmt.Errorf("%w: %s %s", errUsage, name, strings.TrimSpace(wants)) // without the value: it may be a token, put into the wrong place
		}
	}
	return nil
}

// refuses says what the parameter must be, if it cannot have the value.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
func (p limits) refuses(value string) string {
	if len(p.AllowedValues) > 0 && !slices.Contains(p.AllowedValues, value) {
		return "must be one of " + strings.Join(p.AllowedValues, ", ")
	}
	if p.Type == "Number" {
		n, err := strconv.Atoi(value) // all of ours count something
		if err != nil || p.MinValue != nil && n < *p.MinValue || p.MaxValue != nil && n > *p.MaxValue {
			return "must be a whole number" + p.within()
		}
		return ""
	}
	if p.MaxLength > 0 && utf8.RuneCountInString(value) > p.MaxLength {
		return fmt.Sprintf("can have %d characters", p.MaxLength)
	}
	values := []string{value}
	if p.Type == "CommaDelimitedList" { // blanks around an element are not its own
		values = strings.Split(value, ",")
		for i := range values {
			values[i] = strings.TrimSpace(values[i])
		}
	}
	pattern, err := regexp.Compile(p.AllowedPattern)
	if err == nil && slices.ContainsFunc(values, func(v string) bool { return !pattern.MatchString(v) }) {
		return cmp.Or(p.ConstraintDescription, "must match "+p.AllowedPattern)
	}
	return ""
}

func (p limits) within() string {
	if p.MinValue == nil || p.MaxValue == nil {
		return ""
	}
	return fmt.Sprintf(" from %d to %d", *p.MinValue, *p.MaxValue)
}

// unknown names the parameters that somebody may mean by a name, or all.
func unknown(template, name string, all []string) error {
	if strings.ToUpper(name) == name { // the words that are no parameters are in capitals
		return fmt.Errorf("%w: there is no %s: beside the parameters it takes STACK and BUCKET", errUsage, shown(name))
	}
	if meant := slices.DeleteFunc(slices.Clone(all), func(other string) bool { return !isLike(name, other) }); len(meant) > 0 {
		return fmt.Errorf("%w: %s has no parameter %s, but it has %s", errUsage, template, shown(name), strings.Join(meant, ", "))
	}
	return fmt.Errorf("%w: %s has no parameter %s; beside STACK and BUCKET it has: %s", errUsage, template, shown(name), strings.Join(all, ", "))
}

// isLike reports whether somebody who writes name may mean the other one: one is a part of the
// other, in capitals or not, or both have a word of at least four letters.
func isLike(name, other string) bool {
	for _, word := range longWords.FindAllString(name, -1) {
		if strings.Contains(other, word) {
			return true
		}
	}
	name, other = strings.ToLower(name), strings.ToLower(other)
	return len(name) > 4 && (strings.Contains(other, name) || strings.Contains(name, other))
}

// longWords are those of a name such as PollMinutes.
var longWords = regexp.MustCompile(`[A-Z][a-z]{3,}`)

// compile makes the zips, after all that can be refused at once. Without make they are there.
func (s *stack) compile(ctx context.Context) error {
	program := os.Getenv(underMake)
	if program == "" {
		return nil
	}
	fmt.Fprintln(s.out, "compiling the functions for Lambda: a minute or more, if it is the first time")
	cmd := exec.CommandContext(ctx, program, "--silent", "zips")
	cmd.Stdout, cmd.Stderr = s.out, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("make zips: %w", err)
	}
	return nil
}

// hasNeverWorked reports whether the stack's creation failed. Such a stack can only be
// deleted: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
func hasNeverWorked(status string) bool {
	return slices.Contains([]string{"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}, status)
}

// clear deletes a stack that has never worked.
func (s *stack) clear(ctx context.Context) error {
	_, err := s.run(ctx, "cloudformation", "delete-stack", "--stack-name", s.name)
	if err == nil {
		_, err = s.run(ctx, "cloudformation", "wait", "stack-delete-complete", "--stack-name", s.name)
	}
	if err != nil {
		return fmt.Errorf("the stack may still be there; delete it: aws cloudformation delete-stack --region %s --stack-name %s\n%w", s.region, s.name, err)
	}
	return nil
}

// bucket returns the bucket for the zips and the template: the given one, or one of the
// account and Region, which it makes.
func (s *stack) bucket(ctx context.Context, given string) (string, error) {
	name := given
	if name == "" {
		name = fmt.Sprintf("keepcurrent-%s-%s", s.account, s.region)
	}
	// Not one that somebody else has made under this name.
	_, err := s.run(ctx, "s3api", "head-bucket", "--bucket", name, "--expected-bucket-owner", s.account)
	switch {
	case err == nil:
		return name, nil
	case !awscli.Says(err, "404", "Not Found"):
		return "", fmt.Errorf("the bucket %s: %w", name, err)
	case given != "":
		return "", fmt.Errorf("the account %s has no bucket %s: make it, or leave out BUCKET, and a private one is made", s.account, name)
	}
	fmt.Fprintf(s.out, "making the bucket %s, private and encrypted\n", name)
	create := []string{"s3api", "create-bucket", "--bucket", name}
	if s.region != "us-east-1" { // which S3 takes only unsaid
		create = append(create, "--create-bucket-configuration", "LocationConstraint="+s.region)
	}
	for _, command := range [][]string{
		create,
		{"s3api", "put-public-access-block", "--bucket", name, "--public-access-block-configuration",
			"BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"},
		{"s3api", "put-bucket-encryption", "--bucket", name, "--server-side-encryption-configuration",
			`{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}`},
	} {
		if _, err := s.run(ctx, command...); err != nil {
			return "", fmt.Errorf("make the bucket: %w", err)
		}
	}
	return name, nil
}

// pack puts the zips into the bucket, and returns a file with the template that names them.
func (s *stack) pack(ctx context.Context, o options) (string, error) {
	fmt.Fprintf(s.out, "putting the functions into the bucket %s\n", o.bucket)
	packaged, err := os.CreateTemp("", "keepcurrent-*.yaml")
	if err != nil {
		return "", err
	}
	if err := packaged.Close(); err != nil {
		return "", err
	}
	template, err := filepath.Abs(o.template)
	if err == nil {
		_, err = s.run(ctx, "cloudformation", "package", "--template-file", template, "--s3-bucket", o.bucket, "--s3-prefix", s.name,
			"--output-template-file", packaged.Name())
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("package the functions: %w", err), os.Remove(packaged.Name()))
	}
	return packaged.Name(), nil
}

// apply changes the stack. A parameter that is not given keeps its value.
func (s *stack) apply(ctx context.Context, packaged string, o options) error {
	args := []string{"cloudformation", "deploy", "--template-file", packaged, "--stack-name", s.name, "--s3-bucket", o.bucket, "--s3-prefix", s.name,
		"--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-fail-on-empty-changeset"}
	if len(o.parameters) > 0 {
		args = append(args, "--parameter-overrides")
		for _, name := range slices.Sorted(maps.Keys(o.parameters)) {
			args = append(args, name+"="+o.parameters[name])
		}
	}
	out, err := s.run(ctx, args...)
	if err == nil && strings.Contains(string(out), "No changes to deploy") {
		fmt.Fprintln(s.out, "nothing to change: the stack has this template and these parameters")
	}
	return err
}

// explain says which resources failed and why, and clears a stack away that has never
// worked, so that the next try can begin.
func (s *stack) explain(ctx context.Context, err error, bucket string, worked, wasEmpty bool) error {
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), errors.New("CloudFormation goes on with what it has begun: make status, or deploy again, when it has ended"))
	}
	errs := []error{errors.New("the deployment failed")}
	for _, e := range s.failures {
		if e.LogicalResourceId != s.name {
			errs = append(errs, fmt.Errorf("  %s (%s): %s", e.LogicalResourceId, e.ResourceType, e.ResourceStatusReason))
		}
	}
	if len(errs) == 1 {
		errs = append(errs, err)
	}
	now, isThere, unknown := s.describe(ctx)
	isHusk := now.StackStatus == "REVIEW_IN_PROGRESS" && !wasEmpty // of a change set that failed
	switch {
	case unknown == nil && isThere && !worked && (isHusk || hasNeverWorked(now.StackStatus)):
		fmt.Fprintf(s.out, "the deployment failed: clearing the stack away (%s), and then the reasons\n", now.StackStatus)
		if cleared := s.clear(ctx); cleared != nil {
			return errors.Join(append(errs, cleared)...)
		}
		errs = append(errs, fmt.Errorf("the stack was cleared away, and the bucket %s stays: repair the reason, and deploy again", bucket))
	case unknown == nil && !isThere:
		errs = append(errs, fmt.Errorf("there is no stack %s; the bucket %s stays, with the functions in it: repair the reason, and deploy again", s.name, bucket))
	case unknown == nil:
		errs = append(errs, fmt.Errorf("the stack is in the state %s", now.StackStatus))
	}
	return errors.Join(errs...)
}

// next says what to do now, one command a line.
func (s *stack) next(now described) {
	fmt.Fprintf(s.out, "\nthe stack %s is deployed. What comes next:\n", s.name)
	if secret := now.output("BoundSecret"); secret != "" {
		fmt.Fprintf(s.out, "\nyour workloads read the secret\n%s\n", secret)
	}
	fmt.Fprintf(s.out, "\nmake the webhook of each app, with your own Heroku login\nmake subscribe APP=%s STACK=%s\n",
		cmp.Or(now.parameter("HerokuApp"), "YOUR-APP"), s.name)
	fmt.Fprintf(s.out, "\nput a Heroku API token that may only read into its secret (unless one is there). It sees all apps of the user who makes it:\n"+
		"log in as one who sees only those to follow\n"+
		"heroku authorizations:create --description %s --scope read-protected --short | aws secretsmanager put-secret-value --region %s --secret-id %s --secret-string file:///dev/stdin\n",
		s.name, s.region, now.output("TokenSecret"))
	if email := now.parameter("AlarmEmail"); email != "" {
		fmt.Fprintf(s.out, "\nconfirm the address of the alarms (unless you have): AWS mails a link to\n%s\n", email)
	}
	fmt.Fprintf(s.out, "\nlook: it checks everything and changes nothing\nmake status STACK=%s\n", s.name)
	fmt.Fprintf(s.out, "\nsee it work, with an app of its own that it removes again (docs/live.md)\nmake drill STACK=%s\n", s.name)
}

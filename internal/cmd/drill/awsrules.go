package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
)

const (
	writers    = 20
	swapRounds = 5
)

// swap lets writers race for AWSCURRENT from the same version. All that the functions
// promise rests on exactly one winning.
func swap(x *trial) {
	arn := must(x.makeSecret(x.ctx, "swap", new("first")))
	from := x.filled(arn)
	// One version more than there are writers: in each round all but the current one race.
	spare := make([]string, writers)
	for i := range spare {
		spare[i] = rand.Text() + rand.Text()
		must(x.manager().Stage(x.ctx, arn, spare[i], credential.New(spare[i])))
	}
	for n := range swapRounds {
		x.during = fmt.Sprintf("round %d of %d", n+1, swapRounds)
		winner := x.race(arn, from, spare)
		from, spare[winner] = spare[winner], from
	}
	x.says("%d races of %d writers: exactly one won each, and AWSCURRENT was never seen on two versions", swapRounds, writers)
	x.tell("Is the swap of AWSCURRENT one step?", "%s", x.Says)
}

// race swaps from one version to each of others at once, and returns which of them won.
func (x *trial) race(arn, from string, to []string) (winner int) {
	racing, over := context.WithCancel(x.ctx)
	twice := make(chan bool)
	go func() {
		var err error
		for racing.Err() == nil && !errors.Is(err, errTwice) {
			_, err = x.current(racing, arn)
		}
		twice <- errors.Is(err, errTwice)
	}()
	errs := make([]error, len(to))
	var racers sync.WaitGroup
	for i := range to {
		racers.Go(func() { errs[i] = x.manager().Swap(x.ctx, arn, to[i], from) })
	}
	racers.Wait()
	over()
	if <-twice {
		ok(errTwice)
	}
	winners := 0
	for i, err := range errs {
		switch {
		case err == nil:
			winner = i
			winners++
		case !errors.Is(err, reconcile.ErrConflict):
			fail("a writer neither won nor lost: %w", err)
		}
	}
	if winners != 1 {
		fail("%d of %d writers won", winners, len(to))
	}
	// A look right after the write can show what was before it.
	must(until(x.ctx, "AWSCURRENT is on the winner's version", x.pace.settle, x.pace.tick, func() (bool, error) {
		version, err := x.current(x.ctx, arn)
		return version == to[winner], err
	}))
	return winner
}

const listTag, listRounds = "keepcurrent:drill", 5

// list measures how long ListSecrets takes to show a new secret, and a new version of it.
func list(x *trial) {
	arn := must(x.makeSecret(x.ctx, "list", new("0"), listTag, x.mark))
	var lags sample
	version := x.filled(arn)
	for n := range listRounds + 1 {
		if n > 0 {
			version = *must(x.secrets.PutSecretValue(x.ctx, &secretsmanager.PutSecretValueInput{SecretId: &arn, SecretString: new(fmt.Sprint(n))})).VersionId
		}
		lags = append(lags, must(until(x.ctx, "ListSecrets shows what DescribeSecret shows", x.pace.list, x.pace.tick, func() (bool, error) { return x.lists(arn, version) })))
	}
	x.says("a new secret showed after %s, a new version after %s (%d times, to %s)", round(lags[0]), lags[1:], listRounds, x.pace.tick)
	x.tell("How far does ListSecrets lag?", "%s", x.Says)
	x.Figures["new_secret_s"] = seconds(lags[0])
	x.figures("new_version", lags[1:])
}

// lists reports whether ListSecrets shows a version as current.
func (x *trial) lists(arn, version string) (bool, error) {
	out, err := x.secrets.ListSecrets(x.ctx, &secretsmanager.ListSecretsInput{Filters: []types.Filter{
		{Key: types.FilterNameStringTypeTagKey, Values: []string{listTag}}, {Key: types.FilterNameStringTypeTagValue, Values: []string{x.mark}},
	}})
	return err == nil && slices.ContainsFunc(out.SecretList, func(s types.SecretListEntry) bool {
		return *s.ARN == arn && slices.Contains(s.SecretVersionsToStages[version], awsCurrent)
	}), err
}

const rulesPackage, rulesTest = "keepcurrent.example/internal/testserver/secretstest", "TestConformanceEndpoint"

// rules runs the conformance test of the Secrets Manager of the tests against the account.
// What it assumes of AWS, all tests of this project assume.
func rules(x *trial) {
	x.made("what the check rules has left", x.removeNamed(theSecret+secretPrefix+x.mark+"/rule-"))
	cmd := exec.CommandContext(x.ctx, "go", "test", "-v", "-count=1", "-timeout", "30m", "-run", "^"+rulesTest+"$", rulesPackage)
	cmd.Env = append(append(os.Environ(), x.goEnv...),
		"KEEPCURRENT_CONFORMANCE_ENDPOINT="+x.endpoint(), "KEEPCURRENT_CONFORMANCE_PREFIX="+secretPrefix+x.mark+"/rule-", "AWS_REGION="+x.secrets.Options().Region)
	// A group of its own, so that Ctrl-C reaches the test only from here. It then removes its
	// secrets and ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = time.Minute
	out, _ := cmd.CombinedOutput()
	holds := 0
	var broken, denied []string
	said := make(map[string]string)
	for _, line := range ruleSays.FindAllStringSubmatch(string(out), -1) {
		said[line[1]] = line[2]
	}
	for _, rule := range ruleResult.FindAllStringSubmatch(string(out), -1) {
		what := strings.ReplaceAll(rule[2], "_", " ") + ": " + said[rule[2]]
		switch {
		case rule[1] == "PASS":
			holds++
		case strings.Contains(what, "AccessDeniedException"):
			denied = append(denied, what)
		default:
			broken = append(broken, what)
		}
	}
	switch {
	case len(broken) > 0:
		fail("%d of %d rules do not hold: %s", len(broken), holds+len(broken), strings.Join(broken, "; "))
	case holds == 0:
		fail("the conformance test has shown nothing: %s", out)
	case len(denied) > 0:
		x.says("%d hold, each tried with a secret of its own; for these a right is missing: %s", holds, strings.Join(denied, "; "))
	default:
		x.says("all %d hold, each tried with a secret of its own", holds)
	}
	x.Figures["rules"] = float64(holds)
}

// What `go test -v` prints of a rule.
var (
	ruleSays   = regexp.MustCompile(`(?m)^=== RUN +` + rulesTest + `/(\S+)\n +\S+_test\.go:\d+: (.*)$`)
	ruleResult = regexp.MustCompile(`(?m)^ +--- (PASS|FAIL): ` + rulesTest + `/(\S+)`)
)

// endpoint returns the address of Secrets Manager.
func (x *trial) endpoint() string {
	o := x.secrets.Options()
	resolved := must(secretsmanager.NewDefaultEndpointResolverV2().ResolveEndpoint(x.ctx, secretsmanager.EndpointParameters{Region: &o.Region, Endpoint: o.BaseEndpoint}))
	return resolved.URI.String()
}

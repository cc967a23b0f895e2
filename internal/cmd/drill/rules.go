package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

const rulesPackage, rulesTest = "keepcurrent.example/internal/testserver/secretstest", "TestConformanceEndpoint"

// rules runs the conformance test of the Secrets Manager of the tests against the account.
// What it assumes of AWS, all tests of this project assume.
func rules(ctx context.Context, d *drill) (outcome, error) {
	endpoint, err := d.endpoint(ctx)
	if err != nil {
		return outcome{}, err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", "-timeout", "30m", "-run", "^"+rulesTest+"$", rulesPackage)
	cmd.Env = append(append(os.Environ(), d.env...),
		"KEEPCURRENT_CONFORMANCE_ENDPOINT="+endpoint, "KEEPCURRENT_CONFORMANCE_PREFIX="+secretPrefix+d.mark+"/rule-", "AWS_REGION="+d.secrets.Options().Region)
	// A group of its own, so that Ctrl-C reaches the test only from here. It then removes its
	// secrets and ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = time.Minute
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	ended := cmd.Run()
	passes, broken, why := results(out.Bytes())
	switch {
	case len(broken) > 0:
		return outcome{}, fmt.Errorf("%d of %d rules do not hold: %s", len(broken), passes+len(broken), strings.Join(why, "; "))
	case ended != nil || passes == 0:
		return outcome{}, fmt.Errorf("the conformance test did not run: %w: %s", errors.Join(ended, errors.New(complaint.String())), last(out.Bytes()))
	}
	return outcome{fmt.Sprintf("all %d hold, each tried with a secret of its own", passes), map[string]float64{"rules": float64(passes)}}, nil
}

// endpoint returns the address of Secrets Manager.
func (d *drill) endpoint(ctx context.Context) (string, error) {
	options := d.secrets.Options()
	if options.BaseEndpoint != nil {
		return *options.BaseEndpoint, nil
	}
	resolved, err := secretsmanager.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, secretsmanager.EndpointParameters{Region: &options.Region})
	return resolved.URI.String(), err
}

// event is a line of `go test -json`.
type event struct{ Action, Test, Output string }

// results counts the cases that passed, and returns those that did not and what they said.
func results(lines []byte) (passes int, broken, why []string) {
	for decoder := json.NewDecoder(bytes.NewReader(lines)); ; {
		var e event
		if decoder.Decode(&e) != nil {
			return passes, broken, why
		}
		name, isCase := strings.CutPrefix(e.Test, rulesTest+"/")
		switch {
		case !isCase:
		case e.Action == "pass":
			passes++
		case e.Action == "fail":
			broken = append(broken, name)
		case e.Action == "output" && strings.Contains(e.Output, "_test.go:") && !strings.Contains(e.Output, "too many calls"):
			why = append(why, strings.ReplaceAll(name, "_", " ")+": "+strings.TrimSpace(e.Output[strings.Index(e.Output, ": ")+2:]))
		}
	}
}

// last returns the last output, which says why there is no result.
func last(lines []byte) string {
	said := slices.Collect(bytes.Lines(lines))
	var e event
	if len(said) == 0 || json.Unmarshal(said[max(0, len(said)-2)], &e) != nil {
		return ""
	}
	return strings.TrimSpace(e.Output)
}

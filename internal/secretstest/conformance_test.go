package secretstest_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"keepcurrent.example/internal/secretstest"
)

// A conformanceCase is one rule of AWS: where it is written, and a run that fails
// against a server that does not follow it.
type conformanceCase struct {
	name, source string
	run          func(*trial)
	burst        bool // makes more calls at once than AWS should be troubled with
}

// Where the rules are written.
const (
	apiReference = "https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_"
	docBatch     = apiReference + "BatchGetSecretValue.html"
	docCreate    = apiReference + "CreateSecret.html"
	docDelete    = apiReference + "DeleteSecret.html"
	docDescribe  = apiReference + "DescribeSecret.html"
	docGet       = apiReference + "GetSecretValue.html"
	docList      = apiReference + "ListSecrets.html"
	docPut       = apiReference + "PutSecretValue.html"
	docTag       = apiReference + "TagResource.html"
	docStage     = apiReference + "UpdateSecretVersionStage.html"
	docVersions  = apiReference + "ListSecretVersionIds.html"
	docQuotas    = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html"
	docTerraform = "https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/secretsmanager_secret_version"
	recorded     = "recorded on AWS: localstack/localstack tests/aws/services/secretsmanager/test_secretsmanager.snapshot.json"
)

func conformanceCases() []conformanceCase {
	return slices.Concat(secretCases, versionCases, labelCases, swapCases, raceCases, listCases)
}

// TestMotoFaults keeps the list of moto's faults to cases that there are.
func TestMotoFaults(t *testing.T) {
	t.Parallel()
	for name := range motoFaults {
		if !slices.ContainsFunc(conformanceCases(), func(c conformanceCase) bool { return c.name == name }) {
			t.Errorf("no case is called %q", name)
		}
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	client := newClient(t, newServer(t).URL)
	for _, c := range conformanceCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if err := c.try(t.Context(), client, 0); err != nil {
				t.Errorf("%v (the rule: %s)", err, c.source)
			}
		})
	}
}

// TestConformanceMoto runs the cases against moto, which nobody here wrote: what
// both servers pass is not just what this package believes of AWS.
func TestConformanceMoto(t *testing.T) {
	t.Parallel()
	client := newClient(t, startMoto(t))
	for _, c := range conformanceCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fault, known := motoFaults[c.name]
			switch err := c.try(t.Context(), client, 0); {
			case fault == either:
			case known && err == nil:
				t.Errorf("moto does this right: the list of its faults is out of date (%s)", fault)
			case known:
				t.Logf("moto: %s: %v", fault, err)
			case err != nil:
				t.Errorf("%v (the rule: %s)", err, c.source)
			}
		})
	}
}

// TestConformanceEndpoint runs the cases against an address that the environment
// names, such as https://secretsmanager.eu-west-1.amazonaws.com, with the region
// and the credentials of the environment. It makes secrets and deletes them.
func TestConformanceEndpoint(t *testing.T) {
	endpoint := os.Getenv("KEEPCURRENT_CONFORMANCE_ENDPOINT")
	if endpoint == "" {
		t.Skip("KEEPCURRENT_CONFORMANCE_ENDPOINT is not set")
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithBaseEndpoint(endpoint))
	if err != nil {
		t.Fatal(err)
	}
	client := secretsmanager.NewFromConfig(cfg)
	for _, c := range conformanceCases() {
		t.Run(c.name, func(t *testing.T) {
			if c.burst {
				t.Skip("too many calls at once")
			}
			if err := c.try(t.Context(), client, 6*time.Minute); err != nil {
				t.Errorf("%v (the rule: %s)", err, c.source)
			}
		})
	}
}

var running = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)

// startMoto returns the address of a moto_server that ends with the test.
func startMoto(t *testing.T) string {
	path, err := exec.LookPath("moto_server")
	if err != nil || testing.Short() {
		t.Skip("moto_server is not on the PATH, or the test is to be short")
	}
	cmd := exec.CommandContext(t.Context(), path, "-H", "127.0.0.1", "-p", "0")
	// moto reads the same variables as a client of AWS: it gets none of them.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // the test's context, done by now, has killed it
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if found := running.FindStringSubmatch(lines.Text()); found != nil {
			go func() {
				for lines.Scan() { // so that moto never waits for a reader
				}
			}()
			return found[1]
		}
	}
	t.Fatal("moto_server ended before it listened")
	return ""
}

func newServer(t *testing.T) *secretstest.Server {
	s := secretstest.NewServer()
	t.Cleanup(s.Close)
	return s
}

// newClient returns a client that takes nothing from the environment and does not retry.
func newClient(t *testing.T, url string) *secretsmanager.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return secretsmanager.New(secretsmanager.Options{
		Region:           "us-east-1",
		BaseEndpoint:     &url,
		Credentials:      credentials.NewStaticCredentialsProvider("EXAMPLE", "EXAMPLE", ""),
		HTTPClient:       &http.Client{Transport: reader{transport}, Timeout: time.Minute},
		RetryMaxAttempts: 1,
	})
}

// reader hides the WriteTo of the SDK's request bodies: it fails once the answer has
// begun, and net/http then closes the connection under the answer.
type reader struct{ http.RoundTripper }

func (r reader) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody {
		req = req.Clone(req.Context())
		req.Body = struct{ io.ReadCloser }{req.Body}
	}
	return r.RoundTripper.RoundTrip(req)
}

// A trial is one run of a case: a client and the name of a secret of its own.
type trial struct {
	ctx      context.Context
	client   *secretsmanager.Client
	name     string
	patience time.Duration // how long a list may lag
}

// A failure ends a trial by a panic, so that a case reads as a list of steps.
type failure struct{ error }

func (c conformanceCase) try(ctx context.Context, client *secretsmanager.Client, patience time.Duration) (err error) {
	x := &trial{ctx, client, "keepcurrent-test/" + rand.Text(), patience}
	defer func() {
		x.forget()
		if p := recover(); p != nil {
			f, ok := p.(failure)
			if !ok {
				panic(p)
			}
			err = f
		}
	}()
	c.run(x)
	return nil
}

// forget deletes the secrets of the trial.
func (x *trial) forget() {
	force := true
	for _, name := range []string{x.name, x.name + "/2"} {
		// A secret that was never made is no error, and any other is moto's.
		_, _ = x.client.DeleteSecret(x.ctx, &secretsmanager.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: &force})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(failure{err})
	}
	return v
}

func ok(err error) {
	if err != nil {
		panic(failure{err})
	}
}

func equal(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		panic(failure{fmt.Errorf("%s: got %v, want %v", what, got, want)})
	}
}

// refused checks that a call failed with one of some kinds of error.
func refused(what string, err error, kinds ...string) {
	var api smithy.APIError
	if !errors.As(err, &api) || !slices.Contains(kinds, api.ErrorCode()) {
		panic(failure{fmt.Errorf("%s: got %v, want one of %v", what, err, kinds)})
	}
}

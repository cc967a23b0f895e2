package secretstest_test

import (
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/testserver/secretstest"
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
	recorded     = "recorded on AWS: localstack/localstack tests/aws/services/secretsmanager/test_secretsmanager.snapshot.json"
)

func conformanceCases() []conformanceCase {
	return slices.Concat(secretCases, versionCases, labelCases, swapCases, removeCases, changeCases, raceCases, listCases, limitCases)
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

// TestConformanceEndpoint runs the cases against an address that the environment
// names, such as https://secretsmanager.eu-west-1.amazonaws.com, with the region
// and the credentials of the environment. It makes secrets and deletes them, also if it is
// interrupted. KEEPCURRENT_CONFORMANCE_PREFIX begins their names. The drill runs it, too.
func TestConformanceEndpoint(t *testing.T) {
	endpoint := os.Getenv("KEEPCURRENT_CONFORMANCE_ENDPOINT")
	if endpoint == "" {
		t.Skip("KEEPCURRENT_CONFORMANCE_ENDPOINT is not set")
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt)
	defer stop()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithBaseEndpoint(endpoint))
	if err != nil {
		t.Fatal(err)
	}
	client := secretsmanager.NewFromConfig(cfg)
	for _, c := range conformanceCases() {
		t.Run(c.name, func(t *testing.T) {
			if c.burst {
				t.Skip("too many calls at once")
			}
			if ctx.Err() != nil {
				t.Skip("interrupted")
			}
			if err := c.try(ctx, client, 6*time.Minute); err != nil {
				t.Errorf("%v (the rule: %s)", err, c.source)
			}
		})
	}
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

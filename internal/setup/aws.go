package setup

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
)

// awsTimeouts are how long each try of a request to AWS may take. The first one is short,
// so that a request that hangs costs little; an AWS that is slow but alive is waited for by
// the later ones. Every request may be sent twice:
//
//   - a read changes nothing;
//   - a put has the version's id for a token, so AWS makes the version once;
//   - a move of AWSCURRENT names the version that it moves from. If the first try was carried
//     out, AWS refuses the second one, and the next attempt describes the secret and finds it
//     equal. A try that arrives after its run has ended moves AWSCURRENT only if no writer
//     has published since that run's fence, and then to a value that the run has verified.
//     If Heroku has gone back to the value before meanwhile, the next update repairs it
//     (docs/guarantees.md).
//
// The last ones are for errors that come at once, while AWS is unwell for a second or two.
var awsTimeouts = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 5 * time.Second, time.Second, time.Second, time.Second}

const (
	// awsPause is the pause after the first try; it doubles up to awsMaxPause.
	awsPause    = 50 * time.Millisecond
	awsMaxPause = 800 * time.Millisecond
	// awsThrottled is about the first pause after AWS has asked for one; it doubles up to
	// awsMaxThrottled.
	awsThrottled    = 250 * time.Millisecond
	awsMaxThrottled = time.Second
	// awsRetryCost is what a retry takes of the 500 tokens that all calls of a process share;
	// one that succeeds gives them back. The SDK's own is 14: an AWS that is down for six calls
	// would leave the next call without a retry. So few runs ask here, and each has so few
	// tries, that they load nobody.
	awsRetryCost = 5
)

// secretsManager returns the client that config.LoadDefaultConfig would make on Lambda,
// where Region and credentials are in the environment and there are no files. Of the
// endpoint's variables it reads AWS_ENDPOINT_URL_SECRETS_MANAGER alone. LoadDefaultConfig also
// looks in a dozen other places, and every cold start would pay for the clients that it
// needs there
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime,
// https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html).
func secretsManager(transport http.RoundTripper) *secretsmanager.Client {
	options := secretsmanager.Options{
		Region: os.Getenv("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(
			os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")),
		HTTPClient: newTries(transport),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.Backoff = len(awsTimeouts), retry.BackoffDelayerFunc(pauseAfter)
			o.RetryCost = awsRetryCost
			o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(full)}, append(o.Retryables, retry.IsErrorRetryableFunc(unread))...)
		}),
	}
	if endpoint := os.Getenv("AWS_ENDPOINT_URL_SECRETS_MANAGER"); endpoint != "" {
		options.BaseEndpoint = &endpoint
	}
	return secretsmanager.New(options)
}

// pauseAfter returns the pause after a try, with jitter; the first try is 1. After a reset
// or an error of the server there is nothing to wait for.
func pauseAfter(try int, err error) (time.Duration, error) {
	doublings := min(max(try-1, 0), 10)
	pause := min(awsPause<<doublings, awsMaxPause)
	if retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool() {
		pause = min(awsThrottled<<doublings, awsMaxThrottled)
	}
	return pause/2 + rand.N(pause), nil
}

// tries makes each try of a request with its own time-out, over the same connections.
type tries []*http.Client

func newTries(transport http.RoundTripper) tries {
	var all tries
	for _, timeout := range awsTimeouts {
		all = append(all, &http.Client{Transport: transport, Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // AWS redirects nobody
		}})
	}
	return all
}

// Do makes a try, whose number the SDK has put into a header.
//
// It gives net/http a request body that has no method but Read. The SDK closes a
// body when the answer begins, and from then on the body's WriteTo fails with io.EOF. If
// net/http has not finished with the body by then, it takes that for a broken request
// and closes the connection before the answer is read. On a slow processor this is common
// (https://github.com/aws/smithy-go/blob/main/transport/http/internal/io/safe.go).
func (t tries) Do(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = struct{ io.ReadCloser }{req.Body}
	}
	var n int
	if _, err := fmt.Sscanf(req.Header.Get("Amz-Sdk-Request"), "attempt=%d;", &n); err != nil || n < 1 || n > len(t) {
		n = len(t)
	}
	return t[n-1].Do(req)
}

// unread makes the SDK try again when an answer of 200 could not be read. Every
// request here may be sent twice.
func unread(err error) aws.Ternary {
	var decoding *smithy.DeserializationError
	if errors.As(err, &decoding) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// full makes the SDK give up when a secret has too many versions. It takes the code for a
// throttle, but a version goes after 24 hours.
func full(err error) aws.Ternary {
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "LimitExceededException" {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

package setup

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
)

const (
	// awsTimeout is how long one request to AWS may take; there are awsTries.
	awsTimeout = 5 * time.Second
	awsTries   = 4
	// awsPause is the longest pause between two of them.
	awsPause = time.Second
)

// secretsManager returns the client that config.LoadDefaultConfig would make on Lambda,
// where Region and credentials are in the environment and there are no files. Of the
// endpoint's variables it reads AWS_ENDPOINT_URL_SECRETS_MANAGER alone. LoadDefaultConfig also looks in a dozen other places, and every cold start would pay
// for the clients that it needs there
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime,
// https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html).
func secretsManager() *secretsmanager.Client {
	options := secretsmanager.Options{
		Region: os.Getenv("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(
			os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")),
		HTTPClient: reader{awshttp.NewBuildableClient().WithTimeout(awsTimeout)},
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = awsTries, awsPause
			o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(full)}, append(o.Retryables, retry.IsErrorRetryableFunc(unread))...)
		}),
	}
	if endpoint := os.Getenv("AWS_ENDPOINT_URL_SECRETS_MANAGER"); endpoint != "" {
		options.BaseEndpoint = &endpoint
	}
	return secretsmanager.New(options)
}

// reader gives net/http request bodies that have no method but Read. The SDK closes a
// body when the answer begins, and from then on the body's WriteTo fails with io.EOF. If
// net/http has not finished with the body by then, it takes that for a broken request
// and closes the connection before the answer is read. On a slow processor this is common
// (https://github.com/aws/smithy-go/blob/main/transport/http/internal/io/safe.go).
type reader struct{ *awshttp.BuildableClient }

func (r reader) Do(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = struct{ io.ReadCloser }{req.Body}
	}
	return r.BuildableClient.Do(req)
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

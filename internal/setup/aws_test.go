package setup

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// remote answers each try in turn, and the last one for ever.
type remote struct {
	answers []func(*http.Request) (*http.Response, error)
	tries   []time.Duration // how long each took
}

func (r *remote) RoundTrip(req *http.Request) (*http.Response, error) {
	answer := r.answers[min(len(r.tries), len(r.answers)-1)]
	began := time.Now()
	resp, err := answer(req)
	r.tries = append(r.tries, time.Since(began))
	return resp, err
}

func hangs(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func resets(*http.Request) (*http.Response, error) { return nil, syscall.ECONNRESET }

func says(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
	}
}

// In virtual time. It is not parallel, because it sets the environment.
func TestOneFaultOfAWSCostsLittle(t *testing.T) {
	setEnvironment(t)
	good := says(200, `{"ARN":"arn:EXAMPLE"}`)
	for name, test := range map[string]struct {
		fault func(*http.Request) (*http.Response, error)
		most  time.Duration
	}{
		"hangs":     {hangs, 1500 * time.Millisecond},
		"reset":     {resets, 300 * time.Millisecond},
		"500":       {says(500, `{"__type":"InternalServiceError"}`), 300 * time.Millisecond},
		"throttled": {says(400, `{"__type":"ThrottlingException"}`), 600 * time.Millisecond},
		"no JSON":   {says(200, "<html>"), 300 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &remote{answers: []func(*http.Request) (*http.Response, error){test.fault, good}}
			began := time.Now()
			if err := describe(t.Context(), r); err != nil || len(r.tries) != 2 || time.Since(began) > test.most {
				t.Errorf("%s: %d tries in %v, error %v", name, len(r.tries), time.Since(began), err)
			}
		})
	}
}

// An incident of AWS lasts longer than one error.
func TestAWSMayBeUnwellForASecond(t *testing.T) {
	setEnvironment(t)
	good := says(200, `{"ARN":"arn:EXAMPLE"}`)
	for name, fault := range map[string]func(*http.Request) (*http.Response, error){
		"reset": resets, "500": says(500, `{"__type":"InternalServiceError"}`), "throttled": says(400, `{"__type":"ThrottlingException"}`),
	} {
		for range 50 { // the pauses have jitter
			synctest.Test(t, func(t *testing.T) {
				well := time.Now().Add(time.Second)
				r := &remote{answers: []func(*http.Request) (*http.Response, error){func(req *http.Request) (*http.Response, error) {
					if time.Now().Before(well) {
						return fault(req)
					}
					return good(req)
				}}}
				if err := describe(t.Context(), r); err != nil {
					t.Errorf("%s: after %d tries: %v", name, len(r.tries), err)
				}
			})
		}
	}
}

// All calls of a process share the SDK's tokens, and a warm process outlives an incident.
func TestAWSMayBeDownForTenCalls(t *testing.T) {
	setEnvironment(t)
	synctest.Test(t, func(t *testing.T) {
		down := says(500, `{"__type":"InternalServiceError"}`)
		r := &remote{answers: []func(*http.Request) (*http.Response, error){down}}
		client := secretsManager(r)
		for n := 1; n <= 10; n++ {
			if err := describeWith(t.Context(), client); err == nil || len(r.tries) != n*len(awsTimeouts) {
				t.Fatalf("after call %d there were %d tries, error %v", n, len(r.tries), err)
			}
		}
		r.answers, r.tries = []func(*http.Request) (*http.Response, error){down, says(200, `{"ARN":"arn:EXAMPLE"}`)}, nil
		if err := describeWith(t.Context(), client); err != nil {
			t.Errorf("the call after the incident: %v", err)
		}
	})
}

// A slow AWS that lives is waited for, and the tries are bounded.
func TestTheTriesOfAWSGrow(t *testing.T) {
	setEnvironment(t)
	synctest.Test(t, func(t *testing.T) {
		r := &remote{answers: []func(*http.Request) (*http.Response, error){hangs}}
		if err := describe(t.Context(), r); err == nil || !slices.Equal(r.tries, awsTimeouts) {
			t.Errorf("tries of %v, error %v", r.tries, err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // and they end with the run
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		r := &remote{answers: []func(*http.Request) (*http.Response, error){hangs}}
		began := time.Now()
		if err := describe(ctx, r); !errors.Is(err, context.DeadlineExceeded) || len(r.tries) != 2 || time.Since(began) != 2*time.Second {
			t.Errorf("%d tries in %v, error %v", len(r.tries), time.Since(began), err)
		}
	})
}

func setEnvironment(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "EXAMPLE", "AWS_SECRET_ACCESS_KEY": "EXAMPLE",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://aws.example",
	} {
		t.Setenv(name, value)
	}
}

func describe(ctx context.Context, r *remote) error {
	return describeWith(ctx, secretsManager(r))
}

func describeWith(ctx context.Context, client *secretsmanager.Client) error {
	secret := "shop/database"
	_, err := client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &secret})
	return err
}

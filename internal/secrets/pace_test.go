package secrets_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"golang.org/x/time/rate"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/secrets"
)

// writes is a Secrets Manager that records the time of each write.
type writes struct {
	mu sync.Mutex
	at []time.Time
}

func (w *writes) Do(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.at = append(w.at, time.Now())
	w.mu.Unlock()
	body := `{"ARN":"arn","VersionId":"v","VersionStages":["HEROKU_CANDIDATE"]}`
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

// paced is a manager that leaves 25 ms from one write to the next.
func paced(server *writes) secrets.Manager {
	return secrets.Manager{Pace: rate.NewLimiter(40, 1), Client: secretsmanager.New(secretsmanager.Options{
		Region: "eu-west-1", HTTPClient: server, Credentials: credentials.NewStaticCredentialsProvider("EXAMPLE", "EXAMPLE", ""),
	})}
}

func TestWritesKeepTheirPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &writes{}
		manager := paced(server)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := manager.Stage(t.Context(), "arn", "v", credential.New("EXAMPLE")); err != nil {
					t.Error(err)
				}
				if err := manager.Swap(t.Context(), "arn", "v", "u"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i := 1; i < len(server.at); i++ {
			if gap := server.at[i].Sub(server.at[i-1]); gap < 25*time.Millisecond-time.Microsecond { // the limiter rounds
				t.Fatalf("%v from write %d to the next", gap, i)
			}
		}
		if len(server.at) != 100 || server.at[99].Sub(server.at[0]) > 2500*time.Millisecond {
			t.Errorf("%d writes", len(server.at))
		}
	})
}

func TestAWriteWhoseCallerHasGivenUpIsNotMade(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &writes{}
		manager := paced(server)
		if err := manager.Swap(t.Context(), "arn", "v", "u"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		asked := time.Now()
		if err := manager.Swap(ctx, "arn", "v", "u"); !errors.Is(err, context.Canceled) || len(server.at) != 1 || time.Since(asked) > 0 {
			t.Errorf("%d writes, %v after %v", len(server.at), err, time.Since(asked))
		}
		if _, err := manager.Stage(ctx, "arn", "v", credential.New("EXAMPLE")); !errors.Is(err, context.Canceled) {
			t.Errorf("a put: %v", err)
		}
	})
}

package eventstest_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"keepcurrent.example/internal/testserver/eventstest"
)

const detail = `{"secret":"shop/database","version":"EXAMPLE"}`

// put puts an entry on the bus by the AWS SDK.
func put(t *testing.T, b *eventstest.Bus, entry types.PutEventsRequestEntry) error {
	t.Helper()
	client := eventbridge.New(eventbridge.Options{
		Region: "us-east-1", BaseEndpoint: &b.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("EXAMPLE", "EXAMPLE", ""),
	})
	_, err := client.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry}})
	return err
}

func TestACallReachesTheFunctionInAMessageOfTheQueue(t *testing.T) {
	t.Parallel()
	var batch events.SQSEvent
	b := eventstest.Start(func(_ context.Context, payload []byte) ([]byte, error) { return nil, json.Unmarshal(payload, &batch) })
	err := put(t, b, types.PutEventsRequestEntry{
		Source: aws.String("keepcurrent.consumer"), DetailType: aws.String("Credential Refused"), Detail: aws.String(detail),
	})
	if err := errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	if len(batch.Records) != 1 || !strings.Contains(batch.Records[0].Body, `"detail":`+detail) || len(b.Events()) != 1 {
		t.Errorf("the function gets %+v of %v", batch, b.Events())
	}
}

func TestWhatDoesNotArriveIsAnError(t *testing.T) {
	t.Parallel()
	call := types.PutEventsRequestEntry{Source: aws.String("keepcurrent.consumer"), DetailType: aws.String("Credential Refused"), Detail: aws.String(detail)}
	elsewhere, otherSource, otherType, noJSON := call, call, call, call
	elsewhere.EventBusName = aws.String("mine")
	otherSource.Source = aws.String("keepcurrent")
	otherType.DetailType = aws.String("credential refused")
	noJSON.Detail = aws.String("{")
	for name, tt := range map[string]struct {
		entry types.PutEventsRequestEntry
		want  string
	}{
		"another bus":              {elsewhere, `no rule matches "keepcurrent.consumer", "Credential Refused" on the bus "mine"`},
		"another source":           {otherSource, `no rule matches "keepcurrent"`},
		"another type":             {otherType, `"credential refused" on the bus ""`},
		"a detail that is no JSON": {noJSON, "unexpected end of JSON input"},
		"a function that fails":    {call, "EXAMPLE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := eventstest.Start(func(context.Context, []byte) ([]byte, error) { return nil, errors.New("EXAMPLE") })
			if err := put(t, b, tt.entry); err != nil {
				t.Error(err)
			}
			if err := b.Close(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want %q", err, tt.want)
			}
		})
	}
}

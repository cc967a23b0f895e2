package consumer_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"keepcurrent.example/consumer"
	"keepcurrent.example/internal/testserver/eventstest"
)

// The example calls the compiled webhook function, and nothing else tells it: Heroku's
// webhook is lost, and there is no poll. The call publishes the new URL for the query
// that waits.
func TestTheExamplesCallBringsTheNewURL(t *testing.T) {
	t.Parallel()
	s := raise(t)
	t.Cleanup(s.Heroku.HoldDeliveries())
	bus := eventstest.Start(s.Webhook.Invoke)
	t.Cleanup(func() {
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	})
	client := eventbridge.New(eventbridge.Options{
		Region:       "eu-west-1",
		BaseEndpoint: &bus.URL,
		Credentials:  aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider("EXAMPLE", "EXAMPLE", "")),
	})
	mine := &shop{t: t, db: s.db, source: &consumer.Source{Client: s.AWS, SecretID: "shop/database", Refused: callKeepcurrent(client)}}
	pool := mine.pool(mine.config())
	mine.works(pool)
	s.must(s.addon.Rotate(t.Context()))
	pool.Reset()
	mine.works(pool)
	if len(bus.Events()) == 0 {
		t.Error("the secret is right without a call")
	}
}

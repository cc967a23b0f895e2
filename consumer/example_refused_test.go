package consumer_test

import (
	"context"
	"encoding/json"
	"errors"
	"log"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/consumer"
)

// callKeepcurrent returns a hook that puts an event on the account's default event bus.
// From there it reaches keepcurrent, which brings the secret up to date.
func callKeepcurrent(client *eventbridge.Client) func(ctx context.Context, secretID, version string) {
	return func(ctx context.Context, secretID, version string) {
		detail, err := json.Marshal(map[string]string{"secret": secretID, "version": version})
		if err != nil {
			log.Print(err)
			return
		}
		out, err := client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
			Source:     aws.String("keepcurrent.consumer"),
			DetailType: aws.String("Credential Refused"),
			Detail:     aws.String(string(detail)),
		}}})
		if err == nil && out.FailedEntryCount > 0 {
			err = errors.New(aws.ToString(out.Entries[0].ErrorMessage))
		}
		if err != nil {
			log.Printf("the call for secret %s failed: %v", secretID, err)
		}
	}
}

// A program whose credential is refused calls keepcurrent by an event. Its role needs
// events:PutEvents.
func ExampleSource_refused() {
	settings, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	source := &consumer.Source{
		Client:   secretsmanager.NewFromConfig(settings),
		SecretID: "heroku/shop/DATABASE_URL",
		Refused:  callKeepcurrent(eventbridge.NewFromConfig(settings)),
	}
	_ = source // its PoolConfig is for pgxpool.NewWithConfig
}

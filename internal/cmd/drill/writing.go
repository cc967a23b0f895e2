package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	tags "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// call lets a consumer call. It begins just after a poll, so that what comes before the
// next one is due was not brought by it.
func call(x *trial) {
	if x.events == nil {
		ok(skip("there is no event bus here"))
	}
	x.missed()
	due := time.Now().Add(x.pace.poll * 3 / 4)
	if x.subscribes { // after it has published; the change below must not come by that webhook
		ok(x.pollerSubscribes())
	}
	var took sample
	for n := range x.pace.calls {
		if n > 0 {
			if time.Until(due) < 2*x.pace.pause {
				break
			}
			ok(wait(x.ctx, x.pace.pause))
		}
		x.dropWebhook()
		version := must(x.current(x.ctx, x.secret))
		value := x.set()
		ok(x.callFor(version))
		t, err := x.arrives(value, time.Until(due))
		if err != nil {
			fail("nothing has come of a consumer's call before the next poll was due: %w", err)
		}
		took = append(took, t)
	}
	if x.subscribes { // with a poll that finds something
		x.missed()
	}
	x.subscribed()
	x.says("%d calls, from the event to AWSCURRENT: %s (to %s)", len(took), took, x.pace.tick)
	x.Figures["calls"] = float64(len(took))
	x.figures("event_to_current", took)
}

// callFor puts the event of a consumer whose credential was refused.
func (x *trial) callFor(version string) error {
	detail, err := json.Marshal(map[string]string{"secret": x.secret, "version": version})
	if err != nil {
		return err
	}
	out, err := x.events.PutEvents(x.ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		Source: new("keepcurrent.consumer"), DetailType: new("Credential Refused"), Detail: new(string(detail)),
	}}})
	if err == nil && out.FailedEntryCount > 0 {
		err = errors.New("EventBridge has refused the event")
	}
	return err
}

// passesOver sets the config var, and fails if the secret is written before the next poll is
// over: Heroku's delivery comes sooner.
func (x *trial) passesOver(value string) {
	x.still(func() {
		ok(x.heroku.setVar(x.ctx, configVar, value))
		ok(wait(x.ctx, x.pace.onePoll()))
	})
}

// comesAgain checks that the next change comes as ever.
func (x *trial) comesAgain(before string) {
	x.during = "afterwards"
	took := must(x.arrives(x.set(), x.pace.patience()))
	x.says("%s; then the next change came after %s", before, round(took))
}

// off opts the secret out while the config var changes.
func off(x *trial) {
	key := "heroku:sync"
	must(x.secrets.TagResource(x.ctx, &secretsmanager.TagResourceInput{SecretId: &x.secret, Tags: []tags.Tag{{Key: &key, Value: new("off")}}}))
	func() {
		defer func() {
			must(x.secrets.UntagResource(x.ctx, &secretsmanager.UntagResourceInput{SecretId: &x.secret, TagKeys: []string{key}}))
		}()
		x.passesOver(x.nextURL())
	}()
	x.comesAgain(fmt.Sprintf("it stayed as it was for %s", round(x.pace.onePoll())))
}

// bad sets what is no URL.
func bad(x *trial) {
	x.passesOver("this is no URL")
	x.comesAgain("the secret kept its value")
}

func quiet(x *trial) {
	polls := 2*x.pace.poll + x.pace.onePoll()
	x.still(func() { ok(wait(x.ctx, polls)) })
	x.says("no version was put in %s", round(polls))
}

// pauseStack pauses the whole stack for two polls.
func pauseStack(x *trial) {
	switch {
	case !x.mayPause:
		ok(skip("it concerns the whole stack: give -pause"))
	case x.cloud == nil:
		ok(skip("there is no CloudFormation here"))
	}
	x.made("the pause of the stack", func(ctx context.Context) error { return x.cloud.pause(ctx, "off") })
	func() {
		defer func() {
			if x.ctx.Err() == nil { // else it is undone at the end
				ok(x.cloud.pause(x.ctx, "off"))
				x.undo = x.undo[:len(x.undo)-1]
			}
		}()
		ok(x.cloud.pause(x.ctx, "on"))
		x.passesOver(x.nextURL())
	}()
	x.comesAgain("nothing was written while the stack was paused")
}

// soon is how long after a change of the signing key the next one would lose deliveries: by
// then the poller has given all webhooks the key before, 100 an hour.
const soon = 2 * time.Hour

// key changes the signing key of the whole stack.
func key(x *trial) {
	switch {
	case !x.rotateKey:
		ok(skip("it concerns the whole stack: give -rotate-key"))
	case x.stack.signingKey == "":
		ok(skip("which secret holds the signing key is not known"))
	case !x.subscribes:
		ok(skip("the poller does not give other apps' webhooks the new key"))
	}
	_, made, err := x.manager().Dated(x.ctx, x.stack.signingKey)
	ok(err)
	if !must(x.manager().Previous(x.ctx, x.stack.signingKey)).Empty() && time.Since(made) < soon {
		ok(skip(fmt.Sprintf("the key was changed %s ago, and not every webhook may have it yet", round(time.Since(made)))))
	}
	fresh := rand.Text() + rand.Text()
	x.hide = append(x.hide, fresh)
	must(x.secrets.PutSecretValue(x.ctx, &secretsmanager.PutSecretValueInput{SecretId: &x.stack.signingKey, SecretString: &fresh}))
	ok(wait(x.ctx, time.Second)) // Heroku tells the time of a webhook in whole seconds
	x.during = "with a webhook that signs with the key before"
	x.change(new(trips))
	x.during = "with a webhook that was made after the change of the key"
	x.missed()
	x.subscribed()
	x.change(new(trips))
	x.says("a change came by a webhook with the key before, and one by a webhook with the new key")
}

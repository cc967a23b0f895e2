package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// call lets a consumer call. It begins just after a poll, so that what comes before the
// next one is due was not brought by it.
func call(ctx context.Context, d *drill) (outcome, error) {
	if d.events == nil {
		return outcome{}, skip("there is no event bus here")
	}
	if _, err := d.missed(ctx); err != nil {
		return outcome{}, err
	}
	due := time.Now().Add(d.pace.poll * 3 / 4)
	var took sample
	for n := range d.pace.calls {
		if n > 0 {
			if time.Until(due) < 2*d.pace.pause {
				break
			}
			if err := wait(ctx, d.pace.pause); err != nil {
				return outcome{}, err
			}
		}
		if err := d.dropWebhook(ctx); err != nil {
			return outcome{}, err
		}
		version, err := d.current(ctx, d.secret)
		if err != nil {
			return outcome{}, err
		}
		value := d.nextURL()
		if err := d.setVar(ctx, value); err != nil {
			return outcome{}, err
		}
		if err := d.callFor(ctx, version); err != nil {
			return outcome{}, err
		}
		t, err := d.arrives(ctx, value, time.Until(due))
		if err != nil {
			return outcome{}, fmt.Errorf("nothing has come of a consumer's call before the next poll was due: %w", err)
		}
		took = append(took, t)
	}
	if d.subscribes { // with a poll that finds something
		if _, err := d.missed(ctx); err != nil {
			return outcome{}, err
		}
	}
	if err := d.subscribed(ctx); err != nil {
		return outcome{}, err
	}
	return outcome{
		fmt.Sprintf("%d calls, from the event to AWSCURRENT: median %s, worst %s (to %s)", len(took), round(took.median()), round(took.worst()), d.pace.tick),
		map[string]float64{"calls": float64(len(took)), "event_to_current_median_s": seconds(took.median()), "event_to_current_worst_s": seconds(took.worst())},
	}, nil
}

// callFor puts the event of a consumer whose credential was refused.
func (d *drill) callFor(ctx context.Context, version string) error {
	detail, err := json.Marshal(map[string]string{"secret": d.secret, "version": version})
	if err != nil {
		return err
	}
	out, err := d.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		Source: new("keepcurrent.consumer"), DetailType: new("Credential Refused"), Detail: new(string(detail)),
	}}})
	if err == nil && out.FailedEntryCount > 0 {
		err = errors.New("EventBridge has refused the event")
	}
	return err
}

// passOver sets the config var, and waits until the next poll is over: Heroku's delivery
// comes sooner.
func (d *drill) passOver(ctx context.Context, value string) error {
	if err := d.setVar(ctx, value); err != nil {
		return err
	}
	return wait(ctx, d.pace.onePoll())
}

// off opts the secret out while the config var changes.
func off(ctx context.Context, d *drill) (outcome, error) {
	if err := d.tag(ctx, "heroku:sync", "off"); err != nil {
		return outcome{}, err
	}
	err := d.still(ctx, func() error { return d.passOver(ctx, d.nextURL()) })
	if err := errors.Join(err, d.untag(ctx, "heroku:sync")); err != nil {
		return outcome{}, err
	}
	return d.comesAgain(ctx, "it stayed as it was for "+round(d.pace.onePoll()).String())
}

// bad sets what is no URL.
func bad(ctx context.Context, d *drill) (outcome, error) {
	err := d.still(ctx, func() error { return d.passOver(ctx, "this is no URL") })
	if err != nil {
		return outcome{}, err
	}
	return d.comesAgain(ctx, "the secret kept its value")
}

// comesAgain checks that the next change comes as ever.
func (d *drill) comesAgain(ctx context.Context, before string) (outcome, error) {
	value := d.nextURL()
	if err := d.setVar(ctx, value); err != nil {
		return outcome{}, err
	}
	took, err := d.arrives(ctx, value, d.pace.patience())
	if err != nil {
		return outcome{}, fmt.Errorf("afterwards: %w", err)
	}
	return outcome{says: fmt.Sprintf("%s; then the next change came after %s", before, round(took))}, nil
}

func quiet(ctx context.Context, d *drill) (outcome, error) {
	err := d.still(ctx, func() error { return wait(ctx, d.pace.onePoll()) })
	return outcome{says: "no version was put in " + round(d.pace.onePoll()).String()}, err
}

// pauseStack pauses the whole stack for two polls.
func pauseStack(ctx context.Context, d *drill) (outcome, error) {
	switch {
	case !d.mayPause:
		return outcome{}, skip("it concerns the whole stack: give -pause")
	case d.cloud == nil:
		return outcome{}, skip("there is no CloudFormation here")
	case d.cloud.parameters["Pause"] == "on":
		return outcome{}, skip("the stack is paused")
	}
	d.made("the pause of the stack", func(ctx context.Context) error { return d.cloud.pause(ctx, "off") })
	if err := d.cloud.pause(ctx, "on"); err != nil {
		return outcome{}, err
	}
	err := d.still(ctx, func() error { return d.passOver(ctx, d.nextURL()) })
	if ended := d.cloud.pause(ctx, "off"); ended != nil {
		return outcome{}, errors.Join(err, ended)
	}
	d.undo = d.undo[:len(d.undo)-1]
	if err != nil {
		return outcome{}, err
	}
	return d.comesAgain(ctx, "nothing was written while the stack was paused")
}

package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/secretstest"
)

// pollEvery is the schedule of the third chapter. On AWS it is a minute.
const pollEvery = 500 * time.Millisecond

const (
	callAfter = time.Second // the consumer is refused
	fleet     = 100         // instances of it, which call at once
)

// firstPoll binds an empty secret and lets the poller fill it.
func firstPoll(ctx context.Context, s *shop) (line, error) {
	s.story.chapter("The first poll fills the secret")
	var err error
	if s.secret, err = s.Bind(ctx, s.app.Name, secretName, "heroku:format=url"); err != nil {
		return line{}, err
	}
	s.story.tell("an empty secret %s gets the tag heroku:app=%s; nothing else is configured", secretName, s.app.Name)
	started := time.Now()
	report, err := s.Poll(ctx)
	if err != nil {
		return line{}, err
	}
	s.story.tell("poller: %d binding, %d published, after %s", report.Bindings, report.Published, milliseconds(time.Since(started)))
	s.watch(ctx)
	if err := s.consume(ctx); err != nil {
		return line{}, err
	}
	s.story.tell("a consumer opens a pgx pool with what the secret says and queries all the time")
	return line{what: "first poll fills the secret", by: "poller", kept: report.Published == 1}, s.consumer.queries(ctx, 100)
}

// rotation kills the old credential at once; Heroku tells the webhook.
func rotation(ctx context.Context, s *shop) (line, error) {
	s.story.chapter("A rotation that kills the old credential at once")
	s.story.tell("heroku pg:credentials:rotate: new password, the old one is dead, its sessions are cut")
	if err := s.addon.Rotate(ctx); err != nil {
		return line{}, err
	}
	released := time.Now()
	s.story.tell("Heroku makes a release and sends its two events to the webhook")
	outage, err := s.consumer.recovery(ctx)
	if err != nil {
		return line{}, err
	}
	s.story.tell("webhook: fence, observe, stage and log in, swap; AWSCURRENT is version %.8s…", s.watcher.version())
	after := min(outage.length, outage.began.Add(outage.length).Sub(released))
	s.story.tell("the consumer is back: down for %s (%s of it after Heroku's release), %d queries failed",
		milliseconds(outage.length), milliseconds(after), outage.failed)
	return line{what: "rotation, old credential killed", by: "webhook", down: outage.length, kept: true}, s.Heroku.DeliveriesIdle(ctx)
}

// lostWebhook rotates again, and no event arrives.
func lostWebhook(ctx context.Context, s *shop) (line, error) {
	s.story.chapter("A webhook that is lost")
	s.Heroku.SetPolicy(herokutest.Policy{Drop: true})
	defer s.Heroku.SetPolicy(herokutest.Policy{})
	s.story.tell("the schedule runs the poller every %s here (every minute on AWS)", milliseconds(pollEvery))
	s.story.tell("heroku pg:credentials:rotate; both events are lost on their way")
	if err := s.addon.Rotate(ctx); err != nil {
		return line{}, err
	}
	for published := 0; published == 0; {
		time.Sleep(pollEvery)
		report, err := s.Poll(ctx)
		if err != nil {
			return line{}, err
		}
		published = report.Published
	}
	s.story.tell("poller: the config var has changed and no event announced it; published")
	outage, err := s.consumer.recovery(ctx)
	if err != nil {
		return line{}, err
	}
	s.story.tell("the consumer is back: it was down for %s, %d queries failed", milliseconds(outage.length), outage.failed)
	return line{what: "rotation, webhook lost", by: "poller", down: outage.length, kept: true}, nil
}

// consumerCalls rotates again. No event arrives and no poll comes, but the consumer knows.
func consumerCalls(ctx context.Context, s *shop) (line, error) {
	s.story.chapter("A consumer that calls")
	s.Heroku.SetPolicy(herokutest.Policy{Drop: true})
	defer s.Heroku.SetPolicy(herokutest.Policy{})
	s.story.tell("heroku pg:credentials:rotate; both events are lost, and the next poll is a minute away")
	version := s.watcher.version()
	if err := s.addon.Rotate(ctx); err != nil {
		return line{}, err
	}
	time.Sleep(callAfter)
	s.story.tell("the consumer is refused, and the secret has no newer version: after %s it calls, as do %d others", milliseconds(callAfter), fleet-1)
	s.Heroku.ResetCalls()
	if err := s.Call(ctx, s.secret, version, fleet); err != nil {
		return line{}, err
	}
	outage, err := s.consumer.recovery(ctx)
	if err != nil {
		return line{}, err
	}
	asked := s.Heroku.Calls()["GET /apps/{app}/config-vars"]
	s.story.tell("webhook: %d calls made %d requests to Heroku; published", fleet, asked)
	s.story.tell("the consumer is back: it was down for %s, %d queries failed", milliseconds(outage.length), outage.failed)
	s.story.tell("(on AWS the calls come through EventBridge and SQS, and what these take is not in it)")
	kept := asked <= 6 // two processes at most, one update in each: a read, one after a swap, one after a lost swap
	return line{what: "webhook lost, no poll for a minute", by: "a consumer", down: outage.length, kept: kept}, nil
}

// slowWriter stalls one run of the webhook at its swap, has a newer URL published, and lets
// the slow run continue. The slow run's URL still logs in, so only the compare-and-swap
// stops it.
func slowWriter(ctx context.Context, s *shop) (line, error) {
	s.story.chapter("A slow writer that would put an old URL back")
	reached, resume := make(chan struct{}), make(chan struct{})
	stalled := false
	s.Secrets.Intercept(func(c secretstest.Call) secretstest.Fault {
		if stalled || c.Action != "UpdateSecretVersionStage" {
			return nil
		}
		stalled = true
		return stall(reached, resume)
	})
	defer s.Secrets.Intercept(nil)
	swaps := s.swaps()
	answer := make(chan error, 1)

	s.Heroku.SetPolicy(herokutest.Policy{Drop: true})
	if _, err := s.addon.RotateWithGrace(ctx); err != nil { // both old and new log in for a while
		return line{}, err
	}
	go func() {
		status, err := s.Announce(ctx, s.app)
		if err == nil && status != http.StatusNoContent {
			err = fmt.Errorf("the webhook answers %d", status)
		}
		answer <- err
	}()
	select {
	case <-reached:
	case <-ctx.Done():
		return line{}, ctx.Err()
	}
	s.story.tell("run A of the webhook reads a new URL from Heroku and stages it, and then its network stalls")

	s.Heroku.SetPolicy(herokutest.Policy{})
	if _, err := s.addon.RotateWithGrace(ctx); err != nil {
		return line{}, err
	}
	if err := s.Heroku.DeliveriesIdle(ctx); err != nil {
		return line{}, err
	}
	newest, err := s.watcher.await(ctx, s.db.URL())
	if err != nil {
		return line{}, err
	}
	s.story.tell("Heroku rotates again; run B publishes the newer URL as version %.8s…", newest)

	close(resume)
	if err := <-answer; err != nil {
		return line{}, err
	}
	s.story.tell("run A goes on: its URL still logs in, but AWSCURRENT is not where its fence saw it:")
	s.story.tell("Secrets Manager refuses the swap, run A starts again and finds nothing left to do")
	s.story.tell("AWSCURRENT is still version %.8s…", s.watcher.version())
	value, err := s.Value(ctx, s.secret)
	kept := s.swaps() == swaps+2 && strings.HasPrefix(value, s.db.URL()) // one of each run
	return line{what: "slow writer with an old URL", by: "the swap", kept: kept}, err
}

// swaps counts the requests to swap. If the value is the same afterwards, Secrets Manager
// has refused the swap.
func (s *shop) swaps() int { return s.Secrets.Calls()["UpdateSecretVersionStage"] }

// stall holds a request until it is to resume.
func stall(reached, resume chan struct{}) secretstest.Fault {
	return func(w http.ResponseWriter, r *http.Request, work http.Handler) {
		close(reached)
		select {
		case <-resume:
		case <-r.Context().Done():
		}
		work.ServeHTTP(w, r)
	}
}

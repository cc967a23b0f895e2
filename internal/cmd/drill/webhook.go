package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"keepcurrent.example/internal/heroku"
)

// subscribe waits for the first value, which only a poll can bring, and for the webhook.
func subscribe(x *trial) {
	took, err := x.arrives(x.lastURL(), x.pace.list+x.pace.patience())
	if err != nil {
		fail("no poll has filled the secret: %w. Does the schedule run the poller, and may the stack's Heroku user see the app? If it is another user than yours, give -collaborator EMAIL", err)
	}
	x.Figures["first_value_s"] = seconds(took)
	err = x.pollerSubscribes()
	x.subscribes = err == nil
	if x.subscribes {
		x.says("after %s the secret had its first value, and the poller has subscribed the app", round(took))
		return
	}
	why := x.whyNotSubscribed()
	x.subscribed()
	const instead = "the drill has subscribed it with your login, as make subscribe does"
	if strings.Contains(why, heroku.ErrMayNotWrite.Error()) || strings.Contains(why, heroku.ErrMayNotList.Error()) {
		ok(skip("the secret has its first value; the stack's token may not write webhooks; " + instead))
	}
	fail("the secret has its first value, but no poll has subscribed the app (%s); %s. If the stack's token is one that only reads, that is right", why, instead)
}

func (x *trial) pollerSubscribes() error {
	_, err := until(x.ctx, "the poller subscribes the app", x.pace.patience(), 5*x.pace.tick, func() (bool, error) {
		id, err := x.heroku.webhookAt(x.ctx, x.stack.webhookURL)
		return id != "", err
	})
	return err
}

// subscribed waits until the poller has subscribed the app. If it was never seen to do so,
// the drill subscribes the app itself, as `make subscribe` does.
func (x *trial) subscribed() {
	if x.subscribes {
		ok(x.pollerSubscribes())
		return
	}
	if x.stack.signingKey == "" {
		fail("the app has no webhook, and which secret holds the signing key is not known")
	}
	key := strings.TrimSpace(must(x.manager().Value(x.ctx, x.stack.signingKey)).Reveal()) // as the functions read it
	x.hide = append(x.hide, key)
	must(x.heroku.subscribe(x.ctx, x.stack.webhookURL, key))
}

// whyNotSubscribed returns what the poller's log says about the app.
func (x *trial) whyNotSubscribed() string {
	if x.cloud == nil {
		return "the poller's log is not at hand"
	}
	lines, err := x.cloud.logs(x.ctx, "poller", x.began)
	if err != nil {
		return err.Error()
	}
	for _, line := range lines {
		if strings.Contains(line, `"subscription"`) && strings.Contains(line, x.heroku.app) && leak(line, x.hide) == "" {
			return line
		}
	}
	return "the poller's log does not say why"
}

// trips are the ways of some changes.
type trips struct {
	current, // from the request until AWSCURRENT
	release, // from the request until Heroku has answered: by then there is a release
	delivery, // from the release to the delivery, by Heroku's clock
	answer sample // from the delivery to its answer, by Heroku's clock
	hidden  int // Heroku did not show the new value at once
	early   int // a delivery was answered before Heroku showed the new value to the function
	retried int // the delivery that brought it was not answered at the first try
}

// change sets the config var to a new value, and follows it to AWSCURRENT. It fails unless
// the webhook has brought it.
func (x *trial) change(t *trips) {
	ours := must(x.heroku.webhookAt(x.ctx, x.stack.webhookURL))
	if ours == "" {
		fail("the app has no webhook of the stack")
	}
	old := must(x.heroku.deliveries(x.ctx, ours))
	began := time.Now()
	value := x.set()
	t.release = append(t.release, time.Since(began))
	if must(x.heroku.configVars(x.ctx))[configVar] != value {
		t.hidden++
	}
	released := must(x.heroku.released(x.ctx))
	current, before, brought := x.follow(value, began, ours, old)
	if before > 0 {
		t.early++
	}
	if brought.NumAttempts > 1 {
		t.retried++
	}
	t.current = append(t.current, current)
	t.delivery = append(t.delivery, brought.CreatedAt.Sub(released))
	t.answer = append(t.answer, brought.LastAttempt.UpdatedAt.Sub(brought.CreatedAt))
}

// eventsOfRelease is how many events Heroku has of one release: create and update
// (https://help.heroku.com/JP3QR5I5).
const eventsOfRelease = 2

// follow waits until a value is current and until Heroku has an answer to the delivery that
// brought it. The function answers when it is done. So a secret that is still old after an
// answer is one that this delivery has left; before is the number of these. What comes
// without a further answer, a poll has brought. The second event of a release can come some
// seconds later: follow waits for it a little, so that it is not taken for one of the next.
func (x *trial) follow(value string, began time.Time, webhookID string, old []delivery) (current time.Duration, before int, brought delivery) {
	var fresh []delivery
	var next time.Time
	_, err := until(x.ctx, "AWSCURRENT has the new value and a delivery is answered", x.pace.deliver, x.pace.tick, func() (bool, error) {
		if !time.Now().Before(next) { // Heroku counts requests, AWS does not
			next = time.Now().Add(5 * x.pace.tick)
			all, err := x.heroku.deliveries(x.ctx, webhookID)
			if err != nil {
				return false, err
			}
			fresh = answered(all, old)
		}
		if current == 0 {
			there, err := x.holds(x.ctx, value)
			if !there {
				before = len(fresh)
				return before >= eventsOfRelease, err
			}
			current = time.Since(began)
		}
		return len(fresh) > before && (len(fresh) >= eventsOfRelease || time.Since(began) > current+x.pace.settle), nil
	})
	switch {
	case err != nil && current != 0:
		fail("the value came, but not by webhook: %w", err)
	case current == 0 && err == nil:
		fail("%d deliveries were answered 2xx, but AWSCURRENT has not got the new value", before)
	}
	ok(err)
	return current, before, fresh[before]
}

// answered returns the deliveries that are new and were answered 2xx.
func answered(all, old []delivery) []delivery {
	return slices.DeleteFunc(slices.DeleteFunc(all, isIn(old)), func(one delivery) bool { return code(one)/100 != 2 })
}

func isIn(old []delivery) func(delivery) bool {
	return func(one delivery) bool {
		return slices.ContainsFunc(old, func(o delivery) bool { return o.ID == one.ID })
	}
}

// byWebhook measures the way of a change.
func byWebhook(x *trial) {
	var t trips
	for n := range x.pace.rounds {
		x.during = fmt.Sprintf("change %d of %d", n+1, x.pace.rounds)
		x.change(&t)
	}
	x.tell("Does Heroku show a new config var at once?", "%d of %d times, in the first request after the change; %d times the first delivery came before the new value could be read",
		x.pace.rounds-t.hidden, x.pace.rounds, t.early)
	x.says("%d changes, from the request to AWSCURRENT: %s (to %s); to the release: %s; from there to the delivery, in whole seconds: %s; %d deliveries not at the first try",
		x.pace.rounds, t.current, x.pace.tick, t.release, t.delivery, t.retried)
	x.Figures["changes"], x.Figures["resolution_s"] = float64(x.pace.rounds), seconds(x.pace.tick)
	x.figures("change_to_current", t.current)
	x.figures("change_to_release", t.release)
	x.figures("release_to_delivery", t.delivery)
	x.figures("delivery_to_answer", t.answer)
}

// forged tries the stack's address without our key: from here, and with a second webhook
// of Heroku's that has another key.
func forged(x *trial) {
	for _, signature := range []string{"", base64.StdEncoding.EncodeToString(make([]byte, 32))} {
		if status := must(x.post(signature)); status != http.StatusUnauthorized {
			fail("a request with the signature %q is answered %d, want 401", signature, status)
		}
	}
	x.says("401 without a signature, with a wrong one, and in all %d tries of a delivery that Heroku signed with another key", x.retries())
}

// post sends to the stack's address what looks like a delivery.
func (x *trial) post(signature string) (status int, err error) {
	body := []byte(`{"resource":"release","data":{"app":{"name":"` + x.heroku.app + `"}}}`)
	req, err := http.NewRequestWithContext(x.ctx, "POST", x.stack.webhookURL, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if signature != "" {
		req.Header.Set("Heroku-Webhook-Hmac-SHA256", signature)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// retries lets Heroku deliver to the stack with a key that is not ours, watches its retries,
// and returns how often it tried. The poller leaves the webhook alone: its address is
// another.
func (x *trial) retries() (tries int) {
	key := "EXAMPLE-" + rand.Text()
	x.hide = append(x.hide, key)
	id := must(x.heroku.subscribe(x.ctx, x.stack.webhookURL+"?drill=forged", key))
	defer func() { ok(x.heroku.unsubscribe(context.WithoutCancel(x.ctx), id)) }()
	value := x.set()
	var steps []string
	status := http.StatusUnauthorized
	watched := func(patience time.Duration) error {
		_, err := until(x.ctx, "Heroku delivers to a second webhook", patience, 5*x.pace.tick, func() (bool, error) {
			all, err := x.heroku.deliveries(x.ctx, id)
			if err != nil || len(all) == 0 || all[0].NumAttempts <= tries || all[0].LastAttempt == nil || code(all[0]) == 0 {
				return false, err
			}
			tries = all[0].NumAttempts
			steps = append(steps, fmt.Sprintf("try %d after %s", tries, all[0].LastAttempt.CreatedAt.Sub(all[0].CreatedAt)))
			status = code(all[0])
			return true, nil
		})
		return err
	}
	ok(watched(x.pace.deliver))
	for end := time.Now().Add(x.pace.retry); time.Now().Before(end) && status == http.StatusUnauthorized && x.ctx.Err() == nil; {
		_ = watched(time.Until(end)) // that there is no further try is an answer, too
	}
	if status != http.StatusUnauthorized {
		fail("a delivery that is signed with another key is answered %d, want 401", status)
	}
	x.tell("In what steps does Heroku try again?", "%s; watched for %s, in whole seconds", strings.Join(steps, ", "), x.pace.retry)
	must(x.arrives(value, x.pace.deliver))
	return tries
}

// missed makes a change that no webhook brings, and returns how long the poller takes.
func (x *trial) missed() time.Duration {
	x.dropWebhook()
	return must(x.arrives(x.set(), x.pace.patience()))
}

// dropWebhook removes the subscription, so that what changes next is lost. It first waits
// for the deliveries of earlier changes, because a run that is late would bring the next
// one. A release has two events, and the second can come some seconds later. What Heroku
// has still to try again is lost, too.
func (x *trial) dropWebhook() {
	ours := must(x.heroku.webhookAt(x.ctx, x.stack.webhookURL))
	if ours == "" {
		return
	}
	all := must(x.heroku.deliveries(x.ctx, ours))
	for n := 0; n < 2 && len(all) > 0; n++ {
		_, _ = until(x.ctx, "all deliveries are answered", 2*x.pace.settle, 5*x.pace.tick, func() (bool, error) {
			all, err := x.heroku.deliveries(x.ctx, ours)
			return !slices.ContainsFunc(all, func(d delivery) bool { return d.Status == "pending" || d.Status == "retrying" }), err
		})
		ok(wait(x.ctx, x.pace.settle/3))
	}
	ok(x.heroku.unsubscribe(x.ctx, ours))
}

func lost(x *trial) {
	took := x.missed()
	x.subscribed()
	by := "the poller has subscribed the app again"
	if !x.subscribes {
		by = "the drill has subscribed the app again, as the poller does not"
	}
	x.says("the poll brought it after %s; %s", round(took), by)
	x.Figures["change_to_current_s"] = seconds(took)
}

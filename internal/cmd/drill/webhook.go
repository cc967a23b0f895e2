package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ours returns the app's webhook that leads to the stack, or false.
func (d *drill) ours(ctx context.Context) (webhook, bool, error) {
	all, err := d.heroku.webhooks(ctx, d.app)
	i := slices.IndexFunc(all, func(w webhook) bool { return w.URL == d.stack.WebhookURL })
	if err != nil || i < 0 {
		return webhook{}, false, err
	}
	return all[i], true, nil
}

// dropWebhook removes the subscription, so that what changes next is lost. It first waits
// for the deliveries of earlier changes: a run that is late would bring the next one.
func (d *drill) dropWebhook(ctx context.Context) error {
	ours, found, err := d.ours(ctx)
	if err != nil || !found {
		return err
	}
	if err := d.delivered(ctx, ours); err != nil {
		return err
	}
	return d.heroku.unsubscribe(ctx, d.app, ours.ID)
}

// delivered waits until Heroku has nothing left to deliver. A release has two events, and
// the second can come some seconds later.
func (d *drill) delivered(ctx context.Context, w webhook) error {
	if all, err := d.heroku.deliveries(ctx, d.app, w.ID); err != nil || len(all) == 0 {
		return err
	}
	for range 2 {
		_, err := until(ctx, "all deliveries are answered", d.pace.deliver, 5*d.pace.tick, func() (bool, error) {
			all, err := d.heroku.deliveries(ctx, d.app, w.ID)
			return !slices.ContainsFunc(all, func(d delivery) bool { return d.Status == "pending" || d.Status == "retrying" }), err
		})
		if err == nil {
			err = wait(ctx, d.pace.settle/3)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// subscribed waits until the poller has subscribed the app. If it was never seen to do so,
// the drill subscribes the app itself, as `make subscribe` does.
func (d *drill) subscribed(ctx context.Context) error {
	if !d.subscribes {
		return d.subscribeApp(ctx)
	}
	_, err := until(ctx, "the poller subscribes the app", d.pace.patience(), 2*d.pace.tick, func() (bool, error) {
		_, found, err := d.ours(ctx)
		return found, err
	})
	return err
}

func (d *drill) subscribeApp(ctx context.Context) error {
	if d.stack.SigningKey == "" {
		return errors.New("the app has no webhook, and which secret holds the signing key is not known")
	}
	key, err := d.readSecret(ctx, d.stack.SigningKey)
	if err != nil {
		return err
	}
	_, err = d.heroku.subscribe(ctx, d.app, d.stack.WebhookURL, key)
	return err
}

// subscribe waits for the first value, which only a poll can bring, and for the webhook.
func subscribe(ctx context.Context, d *drill) (outcome, error) {
	took, err := d.arrives(ctx, d.lastURL(), d.pace.list+d.pace.patience())
	if err != nil {
		return outcome{}, fmt.Errorf("no poll has filled the secret: %w. Does the schedule run the poller, and may the stack's Heroku user see the app? If it is another user than yours, give -collaborator EMAIL", err)
	}
	figures := map[string]float64{"first_value_s": seconds(took)}
	d.subscribes = true
	err = d.subscribed(ctx)
	if err == nil {
		return outcome{fmt.Sprintf("after %s the secret had its first value, and the poller has subscribed the app", round(took)), figures}, nil
	}
	d.subscribes = false
	why := d.whyNotSubscribed(ctx)
	if own := d.subscribeApp(ctx); own != nil {
		return outcome{}, errors.Join(err, own)
	}
	const instead = "the drill has subscribed it with your login, as make subscribe does"
	if strings.Contains(why, "write-protected") || strings.Contains(why, "make subscribe") {
		return outcome{figures: figures}, skip("the secret has its first value; the stack's token may not write webhooks; " + instead)
	}
	return outcome{figures: figures}, fmt.Errorf("the secret has its first value, but no poll has subscribed the app (%s); %s. If the stack's token is one that only reads, that is right", why, instead)
}

// whyNotSubscribed returns what the poller's log says about the app.
func (d *drill) whyNotSubscribed(ctx context.Context) string {
	if d.cloud == nil {
		return "the poller's log is not at hand"
	}
	lines, err := d.cloud.logs(ctx, "poller", d.began)
	if err != nil {
		return err.Error()
	}
	for _, line := range lines {
		if strings.Contains(line, `"subscription"`) && strings.Contains(line, d.app) {
			return line
		}
	}
	return "the poller's log does not say why"
}

// trip is the way of one change.
type trip struct {
	patch    time.Duration // until Heroku has answered: by then there is a release
	shown    bool          // Heroku showed the new value at once
	early    bool          // a delivery was answered before Heroku showed it to the function
	current  time.Duration // until AWSCURRENT
	made     time.Duration // from the release to the delivery, by Heroku's clock
	answered time.Duration // from the delivery to its answer, by Heroku's clock
	tries    int
}

// change sets the config var to a new value, and follows it to AWSCURRENT. It fails unless
// the webhook has brought it.
func (d *drill) change(ctx context.Context) (t trip, err error) {
	ours, found, err := d.ours(ctx)
	if err != nil || !found {
		return t, errors.Join(err, errors.New("the app has no webhook of the stack"))
	}
	old, err := d.heroku.deliveries(ctx, d.app, ours.ID)
	if err != nil {
		return t, err
	}
	value := d.nextURL()
	began := time.Now()
	if err := d.setVar(ctx, value); err != nil {
		return t, err
	}
	t.patch = time.Since(began)
	vars := make(map[string]*string)
	if err := d.heroku.do(ctx, "GET", "/apps/"+d.app+"/config-vars", nil, &vars); err != nil {
		return t, err
	}
	t.shown = vars[configVar] != nil && *vars[configVar] == value
	released, err := d.heroku.released(ctx, d.app)
	if err != nil {
		return t, err
	}
	// The function answers when it is done. So a secret that is still old after an answer is
	// one that this delivery has left; what comes without a further answer, a poll has brought.
	var brought []delivery
	in, next := 0, began
	_, err = until(ctx, "AWSCURRENT has the new value and a delivery is answered", d.pace.deliver, d.pace.tick, func() (bool, error) {
		look := func() error {
			there, err := d.holds(ctx, value)
			if there {
				t.current = time.Since(began)
			}
			return err
		}
		if t.current == 0 {
			if err := look(); err != nil {
				return false, err
			}
		}
		if t.current == 0 && time.Now().Before(next) { // Heroku counts requests, AWS does not
			return false, nil
		}
		next = time.Now().Add(5 * d.pace.tick)
		all, err := d.heroku.deliveries(ctx, d.app, ours.ID)
		if err != nil {
			return false, err
		}
		fresh := answered(all, old)
		if t.current == 0 {
			if err := look(); err != nil {
				return false, err
			}
		}
		if t.current == 0 {
			in = len(fresh)
			return in >= eventsOfRelease, nil
		}
		brought = fresh[min(in, len(fresh)):]
		return len(brought) > 0, nil
	})
	switch {
	case err != nil && t.current != 0:
		return t, fmt.Errorf("the value came, but not by webhook: %w", err)
	case err != nil:
		return t, err
	case t.current == 0:
		return t, fmt.Errorf("%d deliveries were answered 2xx, but AWSCURRENT has not got the new value", in)
	}
	first := brought[0]
	t.early = in > 0
	t.made, t.tries = first.CreatedAt.Sub(released), first.NumAttempts
	t.answered = first.LastAttempt.UpdatedAt.Sub(first.CreatedAt)
	return t, nil
}

// eventsOfRelease is how many events Heroku has of one release: create and update
// (https://help.heroku.com/JP3QR5I5).
const eventsOfRelease = 2

// answered returns the deliveries that are new and were answered 2xx, the earliest first.
func answered(all, old []delivery) (fresh []delivery) {
	for _, one := range slices.Backward(all) {
		if one.code()/100 == 2 && !slices.ContainsFunc(old, func(o delivery) bool { return o.ID == one.ID }) {
			fresh = append(fresh, one)
		}
	}
	return fresh
}

// byWebhook measures the way of a change.
func byWebhook(ctx context.Context, d *drill) (outcome, error) {
	var current, patch, made, answered sample
	shown, early, retried := 0, 0, 0
	for n := range d.pace.rounds {
		t, err := d.change(ctx)
		if err != nil {
			return outcome{}, fmt.Errorf("change %d of %d: %w", n+1, d.pace.rounds, err)
		}
		current, patch, made, answered = append(current, t.current), append(patch, t.patch), append(made, t.made), append(answered, t.answered)
		if t.shown {
			shown++
		}
		if t.early {
			early++
		}
		if t.tries > 1 {
			retried++
		}
	}
	d.tell("Does Heroku show a new config var at once?", "%d of %d times, in the first request after the change; %d times the first delivery came before the new value could be read",
		shown, d.pace.rounds, early)
	return outcome{
		says: fmt.Sprintf("%d changes, from the request to AWSCURRENT: median %s, worst %s (to %s); to the release: median %s, worst %s; from there to the delivery, in whole seconds: median %s, worst %s; %d deliveries not at the first try",
			d.pace.rounds, round(current.median()), round(current.worst()), d.pace.tick, round(patch.median()), round(patch.worst()), made.median(), made.worst(), retried),
		figures: map[string]float64{
			"changes": float64(d.pace.rounds), "resolution_s": seconds(d.pace.tick),
			"change_to_current_median_s": seconds(current.median()), "change_to_current_worst_s": seconds(current.worst()),
			"change_to_release_median_s": seconds(patch.median()), "change_to_release_worst_s": seconds(patch.worst()),
			"release_to_delivery_median_s": seconds(made.median()), "release_to_delivery_worst_s": seconds(made.worst()),
			"delivery_to_answer_median_s": seconds(answered.median()), "delivery_to_answer_worst_s": seconds(answered.worst()),
		},
	}, nil
}

// forged tries the stack's address without our key: from here, and with a second webhook
// of Heroku's that has another key. Heroku's retries of that one are watched.
func forged(ctx context.Context, d *drill) (outcome, error) {
	body := []byte(`{"resource":"release","data":{"app":{"name":"` + d.app + `"}}}`)
	for _, signature := range []string{"", base64.StdEncoding.EncodeToString(make([]byte, 32))} {
		req, err := http.NewRequestWithContext(ctx, "POST", d.stack.WebhookURL, bytes.NewReader(body))
		if err != nil {
			return outcome{}, err
		}
		req.Header.Set("Content-Type", "application/json")
		if signature != "" {
			req.Header.Set("Heroku-Webhook-Hmac-SHA256", signature)
		}
		resp, err := d.heroku.client.Do(req)
		if err != nil {
			return outcome{}, err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			return outcome{}, fmt.Errorf("a request with the signature %q is answered %d, want 401", signature, resp.StatusCode)
		}
	}
	tries, err := d.retries(ctx)
	if err != nil {
		return outcome{}, err
	}
	return outcome{says: fmt.Sprintf("401 without a signature, with a wrong one, and in all %d tries of a delivery that Heroku signed with another key", tries)}, nil
}

// retries lets Heroku deliver to the stack with a key that is not ours, and returns how
// often it tried. The poller leaves the webhook alone: its address is another.
func (d *drill) retries(ctx context.Context) (tries int, err error) {
	key := "EXAMPLE-" + rand.Text()
	d.hide = append(d.hide, key)
	w, err := d.heroku.subscribe(ctx, d.app, d.stack.WebhookURL+"?drill=forged", key)
	if err != nil {
		return 0, err
	}
	defer func() {
		err = errors.Join(err, d.heroku.unsubscribe(context.WithoutCancel(ctx), d.app, w.ID))
	}()
	value := d.nextURL()
	if err := d.setVar(ctx, value); err != nil {
		return 0, err
	}
	if _, err := until(ctx, "Heroku delivers to a second webhook", d.pace.deliver, d.pace.tick, func() (bool, error) {
		all, err := d.heroku.deliveries(ctx, d.app, w.ID)
		return len(all) > 0 && all[len(all)-1].NumAttempts > 0, err
	}); err != nil {
		return 0, err
	}
	var steps []string
	for end := time.Now().Add(d.pace.retry); ; {
		all, err := d.heroku.deliveries(ctx, d.app, w.ID)
		if err != nil {
			return tries, err
		}
		oldest := all[len(all)-1]
		if oldest.NumAttempts > tries && oldest.LastAttempt != nil {
			if oldest.code() != http.StatusUnauthorized {
				return tries, fmt.Errorf("a delivery that is signed with another key is answered %d, want 401", oldest.code())
			}
			tries = oldest.NumAttempts
			steps = append(steps, fmt.Sprintf("try %d after %s", tries, oldest.LastAttempt.CreatedAt.Sub(oldest.CreatedAt)))
		}
		if !time.Now().Before(end) {
			d.tell("In what steps does Heroku try again?", "%s; watched for %s, in whole seconds", strings.Join(steps, ", "), d.pace.retry)
			_, err := d.arrives(ctx, value, d.pace.deliver)
			return tries, err
		}
		if err := wait(ctx, 5*d.pace.tick); err != nil {
			return tries, err
		}
	}
}

// missed makes a change that no webhook brings, and returns how long the poller takes.
func (d *drill) missed(ctx context.Context) (time.Duration, error) {
	if err := d.dropWebhook(ctx); err != nil {
		return 0, err
	}
	value := d.nextURL()
	if err := d.setVar(ctx, value); err != nil {
		return 0, err
	}
	return d.arrives(ctx, value, d.pace.patience())
}

func lost(ctx context.Context, d *drill) (outcome, error) {
	took, err := d.missed(ctx)
	if err != nil {
		return outcome{}, err
	}
	if err := d.subscribed(ctx); err != nil {
		return outcome{}, err
	}
	by := "the poller has subscribed the app again"
	if !d.subscribes {
		by = "the drill has subscribed the app again, as the poller does not"
	}
	return outcome{fmt.Sprintf("the poll brought it after %s; %s", round(took), by), map[string]float64{"change_to_current_s": seconds(took)}}, nil
}

// key changes the signing key of the whole stack.
func key(ctx context.Context, d *drill) (outcome, error) {
	if !d.rotateKey {
		return outcome{}, skip("it concerns the whole stack: give -rotate-key")
	}
	if err := d.putKey(ctx); err != nil {
		return outcome{}, err
	}
	if _, err := d.change(ctx); err != nil {
		return outcome{}, fmt.Errorf("with a webhook that signs with the key before: %w", err)
	}
	if _, err := d.missed(ctx); err != nil {
		return outcome{}, err
	}
	if err := d.subscribed(ctx); err != nil {
		return outcome{}, err
	}
	if _, err := d.change(ctx); err != nil {
		return outcome{}, fmt.Errorf("with a webhook that was made after the change of the key: %w", err)
	}
	return outcome{says: "a change came by a webhook with the key before, and one by a webhook with the new key"}, nil
}

func round(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Second)
}

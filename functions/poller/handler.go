package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"keepcurrent.example/internal/heroku"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/report"
)

const trigger = "poller"

// margin is the time that a round keeps for its report.
const margin = 2 * time.Second

// handler runs one round for each event.
type handler struct {
	reconciler reconcile.Reconciler
	webhooks   *heroku.Schedule
	period     time.Duration // from one round to the next
	remaining  func() (requests int, known bool)
	log        func(ctx context.Context, trigger string) *slog.Logger
	metrics    report.Writer

	// What this container remembers of the rounds before.
	good    time.Time // when the last good one ended
	bound   bool      // whether one saw a binding
	waiting waiting
	history history
}

// handle does what the event asks for. If a binding failed, handle finishes the others
// and then returns an error, which Lambda's error metric counts. It parses the event
// itself because the Lambda library does not log its errors.
func (h *handler) handle(ctx context.Context, text json.RawMessage) (*report.Report, error) {
	e, err := parseEvent(text)
	if err != nil {
		h.log(ctx, trigger).Error("event refused", "error", err.Error())
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	switch {
	case e.Unsubscribe != "":
		return h.unsubscribe(ctx, reconcile.Source{TokenSecretID: e.Token, App: e.Unsubscribe})
	case e.DryRun:
		return h.inspect(ctx, e)
	}
	return h.round(ctx, e)
}

// round updates the secrets and then checks the subscriptions of their apps.
func (h *handler) round(ctx context.Context, e event) (*report.Report, error) {
	log := h.log(ctx, trigger)
	results, err := h.reconciler.Poll(ctx, reconcile.Round{Number: e.roundNumber(h.period), End: time.Now().Add(h.period)})
	if err != nil {
		log.Error("no poll", "error", err.Error())
		set := make(report.Metrics)
		h.beat(set, false)
		h.metrics.Write(set)
		return nil, err
	}
	r := report.New(h.reconciler.DryRun, results)
	set := h.measure(results, e.at())
	logAll(ctx, log, results)
	if !h.reconciler.DryRun {
		checks := h.webhooks.Ensure(ctx, e.at(), results)
		set.Count("WebhookWrong", wrongWebhooks(checks, results))
		r.Subscribe(subscriptions(checks))
	}
	// Last, so that a round that dies before its end has no heartbeat.
	h.beat(set, r.Good())
	h.metrics.Write(set)
	for _, s := range r.Subscriptions {
		if s.Error != "" {
			log.Warn("subscription", "app", s.App, "error", s.Error)
		}
	}
	log.Info("round", "report", r)
	return r, r.Err()
}

// inspect reports on every binding and writes nothing. A failed binding is in the
// report and is no error, so that the caller gets the report.
func (h *handler) inspect(ctx context.Context, e event) (*report.Report, error) {
	k := h.reconciler
	k.DryRun, k.Inspect = true, true
	results, err := k.Poll(ctx, reconcile.Round{Number: e.roundNumber(h.period)})
	if err != nil {
		return nil, err
	}
	r := report.New(true, results)
	r.AddPlan(results)
	r.Subscribe(subscriptions(h.webhooks.States(ctx, results)))
	return r, nil
}

// unsubscribe removes our webhook from an app.
func (h *handler) unsubscribe(ctx context.Context, from reconcile.Source) (*report.Report, error) {
	did, err := h.webhooks.Remove(ctx, from)
	if err != nil {
		return nil, err
	}
	return &report.Report{Subscriptions: subscriptions([]heroku.Check{{App: from.App, Did: cmp.Or(did, "had none of ours")}})}, nil
}

// subscriptions are the report's lines about webhooks.
func subscriptions(checks []heroku.Check) (lines []report.Subscription) {
	for _, c := range checks {
		line := report.Subscription{App: report.Text(c.App), Did: report.Text(c.Did), State: report.Text(c.State)}
		if c.Err != nil {
			line.Error = report.Text(reconcile.Text(c.Err))
		}
		lines = append(lines, line)
	}
	return lines
}

// logAll writes a log line for each result, but at most [report.MaxNamed] for each outcome other
// than published: an outage of Heroku fails all bindings, every minute.
func logAll(ctx context.Context, log *slog.Logger, results []reconcile.Result) {
	lines := make(map[reconcile.Outcome]int)
	for _, result := range results {
		lines[result.Outcome]++
		if result.Outcome == reconcile.Published || lines[result.Outcome] <= report.MaxNamed {
			result.Log(ctx, log)
		}
	}
}

// measure measures a round that listed all bindings, and remembers what the next one needs.
func (h *handler) measure(results []reconcile.Result, at time.Time) report.Metrics {
	set := report.Measure(results)
	delete(set, "Unchanged") // Bindings says it, without the price of a metric
	if h.bound = h.bound || len(results) > 0; h.bound {
		set.Add("Bindings", float64(len(results)))
	}
	if left, known := h.remaining(); known {
		set.Add("HerokuRequestsLeft", float64(left))
	}
	inTrouble, missed := h.history.note(results, at)
	set.Count("InTrouble", inTrouble)
	set.Count("FoundByPoller", missed)
	set.Count("Overdue", h.waiting.overdue(results, at, h.period))
	if len(results) > 0 && count(results, isReplica) == len(results) {
		set.Add("OnlyReplicas", 1)
	}
	return set
}

// beat adds the heartbeat of a round.
func (h *handler) beat(set report.Metrics, good bool) {
	switch {
	case good:
		h.good = time.Now()
		set.Add("GoodRounds", 1)
		return
	case !h.good.IsZero():
		set.Add("GoodRoundAge", time.Since(h.good).Seconds())
	}
	set.Add("GoodRounds", 0)
}

func isInTrouble(r reconcile.Result) bool {
	return r.Outcome == reconcile.Failed || r.Outcome == reconcile.Held
}

func isReplica(r reconcile.Result) bool { return errors.Is(r.Err, reconcile.ErrReplica) }

// wrongWebhooks counts the webhooks that only a person can repair. Those of apps whose secret this
// round has filled or taken over do not count yet: the person who bound it makes the webhook next, and
// the app's next check tells of one that is still wrong.
func wrongWebhooks(checks []heroku.Check, results []reconcile.Result) int {
	isNew := make(map[string]bool) // by app
	for _, r := range results {
		if r.Outcome == reconcile.Published && !r.IsCurrentOurs() {
			isNew[r.App] = true
		}
	}
	return count(checks, func(c heroku.Check) bool { return needsPerson(c) && !isNew[c.App] })
}

// needsPerson reports whether a webhook is not right and the next check will not repair it. What
// has another alarm, or ends by itself, does not count.
func needsPerson(c heroku.Check) bool {
	var refused *heroku.StatusError
	if errors.As(c.Err, &refused) && refused.Code/100 == 4 {
		return !slices.Contains([]int{401, 403, 404, 410, 429}, refused.Code)
	}
	return heroku.NeedsPerson(c.Err)
}

func count[T any](all []T, is func(T) bool) (n int) {
	for _, one := range all {
		if is(one) {
			n++
		}
	}
	return n
}

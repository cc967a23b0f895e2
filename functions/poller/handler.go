package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"keepcurrent.example/internal/metric"
	"keepcurrent.example/internal/reconcile"
)

const trigger = "poller"

// margin is the time that a round keeps for its report.
const margin = 2 * time.Second

// handler runs one round for each event.
type handler struct {
	reconciler    reconcile.Reconciler
	subscriptions subscriptions
	period        time.Duration // from one round to the next
	remaining     func() (requests int, known bool)
	log           func(ctx context.Context, trigger string) *slog.Logger
	metrics       metric.Writer

	good time.Time // when the last good round ended that this container had
}

// handle does what the event asks for. If a binding failed, handle finishes the others
// and then returns an error, which Lambda's error metric counts. It parses the event
// itself because the Lambda library does not log its errors.
func (h *handler) handle(ctx context.Context, text json.RawMessage) (*report, error) {
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
func (h *handler) round(ctx context.Context, e event) (*report, error) {
	log := h.log(ctx, trigger)
	results, err := h.reconciler.Poll(ctx, reconcile.Round{Number: e.roundNumber(h.period), End: time.Now().Add(h.period)})
	if err != nil {
		log.Error("no round", "error", err.Error())
		h.metrics.Write(metric.Set{"GoodRounds": {0}})
		return nil, err
	}
	r := newReport(h.reconciler.DryRun, results)
	h.measure(results, r.good())
	logAll(ctx, log, results)
	if !h.reconciler.DryRun {
		r.subscribe(h.subscriptions.check(ctx, time.Now(), results), maxNamed, maxList)
	}
	for _, s := range r.Subscriptions {
		if s.Error != "" {
			log.Warn("subscription", "app", s.App, "error", s.Error)
		}
	}
	log.Info("round", "report", r)
	return r, r.err()
}

// inspect reports on every binding and writes nothing. A failed binding is in the
// report and is no error, so that the caller gets the report.
func (h *handler) inspect(ctx context.Context, e event) (*report, error) {
	k := h.reconciler
	k.DryRun, k.Inspect = true, true
	results, err := k.Poll(ctx, reconcile.Round{Number: e.roundNumber(h.period)})
	if err != nil {
		return nil, err
	}
	r := newReport(true, results)
	r.plan(results)
	r.subscribe(h.subscriptions.inspect(ctx, results), maxApps, maxSubscriptions)
	return r, nil
}

// unsubscribe removes our webhook from an app. A round cannot do it once no secret
// carries the app's tag.
func (h *handler) unsubscribe(ctx context.Context, from reconcile.Source) (*report, error) {
	if h.subscriptions.webhooks == nil {
		return nil, errors.New("WEBHOOK_URL is not set: this poller does not know which webhook is ours")
	}
	did, err := h.subscriptions.webhooks(from.TokenSecretID).Remove(ctx, from.App)
	if err != nil {
		return nil, err
	}
	if did == "" {
		did = "had none of ours"
	}
	return &report{Subscriptions: []subscribed{{App: from.App, Did: did}}}, nil
}

// logAll writes a log line for each result, but at most maxNamed for each outcome other
// than published: an outage of Heroku fails all bindings, every minute.
func logAll(ctx context.Context, log *slog.Logger, results []reconcile.Result) {
	lines := make(map[reconcile.Outcome]int)
	for _, result := range results {
		lines[result.Outcome]++
		if result.Outcome == reconcile.Published || lines[result.Outcome] <= maxNamed {
			result.Log(ctx, log)
		}
	}
}

// measure writes the metrics of a round that listed all bindings.
func (h *handler) measure(results []reconcile.Result, good bool) {
	set := metric.Measure(results)
	set.Add("Bindings", float64(len(results)))
	set.Add("FoundByPoller", float64(count(results, isMissed)))
	if len(results) > 0 && count(results, isReplica) == len(results) {
		set.Add("OnlyReplicas", 1)
	}
	if left, known := h.remaining(); known {
		set.Add("HerokuRequestsLeft", float64(left))
	}
	if !h.good.IsZero() {
		set.Add("GoodRoundAge", time.Since(h.good).Seconds())
	}
	if good {
		h.good = time.Now()
		set.Add("GoodRounds", 1)
	} else {
		set.Add("GoodRounds", 0)
	}
	h.metrics.Write(set)
}

func isReplica(r reconcile.Result) bool { return errors.Is(r.Err, reconcile.ErrReplica) }

func count(results []reconcile.Result, is func(reconcile.Result) bool) int {
	return len(slices.DeleteFunc(slices.Clone(results), func(r reconcile.Result) bool { return !is(r) }))
}

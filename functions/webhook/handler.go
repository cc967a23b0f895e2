package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/report"
)

const trigger = "webhook"

// margin is the time that a run keeps to answer that Heroku shall try again, before
// Lambda kills it.
const margin = time.Second

// withMargin returns a context that ends that long before the invocation does.
func withMargin(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, deadline.Add(-margin))
}

// handler answers deliveries. Heroku does not repeat a delivery that is answered with a
// 2xx, and repeats all others for up to 72 hours
// (https://devcenter.heroku.com/changelog-items/2525), so the answers are:
//
//	204  done, or nothing to do
//	400  signed, but not understood
//	401  not signed with one of our keys
//	500  no key to check the signature with
//	503  could not finish: try again
type handler struct {
	keys       credential.Source
	bindings   *directory
	reconciler *reconcile.Reconciler
	// remaining is how many of the accounts' hourly requests are left.
	remaining func() (requests int, known bool)
	log       func(ctx context.Context, trigger string) *slog.Logger
	metrics   report.Writer
}

func (h *handler) handle(ctx context.Context, request events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	log := h.log(ctx, trigger)
	ctx, cancel := withMargin(ctx)
	defer cancel()
	status := h.deliver(ctx, log, request)
	return events.APIGatewayV2HTTPResponse{StatusCode: status}, nil
}

// deliver verifies the request, parses its release, updates the app's bindings and
// returns the status.
func (h *handler) deliver(ctx context.Context, log *slog.Logger, request events.APIGatewayV2HTTPRequest) (status int) {
	body, err := verified(ctx, h.keys, request)
	if err != nil {
		return h.refuse(log, err)
	}
	release, err := parse(body)
	if err != nil {
		log.Warn("event not understood", "error", err.Error())
		return http.StatusBadRequest
	}
	if release == nil {
		return http.StatusNoContent
	}
	return h.follow(ctx, log, *release)
}

// follow updates the bindings of the release's app. It starts at once with those that
// an earlier list named. If that list is old or names none, follow lists again at the
// same time. Bindings to the app's name and bindings to its id are updated separately:
// since the event was made, another app may have got the name.
func (h *handler) follow(ctx context.Context, log *slog.Logger, release release) (status int) {
	identities := slices.DeleteFunc([]string{release.AppName, release.AppID}, func(text string) bool { return !reconcile.IsApp(text) })
	if len(identities) == 0 {
		return http.StatusNoContent
	}
	kept, all := h.bindings.Kept(ctx, identities...)
	var listed []reconcile.Binding
	var err error
	var listing sync.WaitGroup
	list := func() {
		err = credential.RecoverPanic(func() (err error) {
			listed, err = h.bindings.Find(ctx, identities...)
			return err
		})
	}
	if !all {
		listing.Go(list)
	}
	results := h.update(ctx, identities, kept)
	listing.Wait()
	if all && slices.ContainsFunc(results, isGone) { // a secret was removed since the list
		list()
		all = false
	}
	if !all && err == nil {
		results = slices.DeleteFunc(results, func(r reconcile.Result) bool { return isGone(r) && !contains(listed, r.ARN) })
	}
	results = append(results, h.update(ctx, identities, missing(listed, results))...)
	status = http.StatusNoContent
	if err != nil {
		log.Error("bindings not found", "app", release.AppName, "error", err.Error())
		status = http.StatusServiceUnavailable
	}
	for i := range results {
		results[i].Released = release.CreatedAt
		results[i].Log(ctx, log)
		if again(results[i]) {
			status = http.StatusServiceUnavailable
		}
	}
	h.measure(results)
	return status
}

// update updates bindings. If the fence shows that a secret follows the app in another
// way than the list said, by its other identity, with another token or by other config
// vars, update runs those bindings of its tags that had no result.
func (h *handler) update(ctx context.Context, identities []string, bindings []reconcile.Binding) (results []reconcile.Result) {
	var tagged []reconcile.Binding
	for _, r := range h.reconciler.Update(ctx, bindings) {
		if now, err := reconcile.ParseBindings(r.Secret); slices.Contains(identities, r.App) && (err == nil || r.Outcome == reconcile.Elsewhere) {
			tagged = append(without(tagged, r.ARN), now...)
		}
		if r.Outcome != reconcile.Elsewhere || !slices.Contains(identities, r.App) {
			results = append(results, r)
		}
	}
	return append(results, h.reconciler.Update(ctx, missing(tagged, results))...)
}

// without returns the bindings of the other secrets.
func without(bindings []reconcile.Binding, arn string) []reconcile.Binding {
	return slices.DeleteFunc(bindings, func(b reconcile.Binding) bool { return b.ARN == arn })
}

// missing returns the bindings that have no result yet.
func missing(bindings []reconcile.Binding, results []reconcile.Result) []reconcile.Binding {
	return slices.DeleteFunc(bindings, func(b reconcile.Binding) bool {
		return slices.ContainsFunc(results, func(r reconcile.Result) bool { return r.ARN == b.ARN && r.ConfigVar == b.ConfigVar })
	})
}

func contains(bindings []reconcile.Binding, arn string) bool {
	return slices.ContainsFunc(bindings, func(b reconcile.Binding) bool { return b.ARN == arn })
}

// isGone reports whether the secret no longer exists, nor another one of its name.
func isGone(r reconcile.Result) bool { return errors.Is(r.Err, reconcile.ErrNoSecret) }

// measure writes the metrics of a delivery, if its app is bound.
func (h *handler) measure(results []reconcile.Result) {
	if len(results) == 0 {
		return
	}
	set := report.Measure(results)
	if left, known := h.remaining(); known {
		set.Add("HerokuRequestsLeft", float64(left))
	}
	h.metrics.Write(set)
}

// again reports whether Heroku shall try again. For what only a person can repair, retries
// would not help, and would delay the deliveries for the app's other bindings.
func again(r reconcile.Result) bool {
	return (r.Outcome == reconcile.Failed || r.Outcome == reconcile.Held) && !r.ForAPerson()
}

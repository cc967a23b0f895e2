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
	"keepcurrent.example/internal/metric"
	"keepcurrent.example/internal/reconcile"
)

const trigger = "webhook"

// margin is what a run leaves of its time to answer "retry me", rather than be
// killed in the middle.
const margin = time.Second

// handler answers one delivery of Heroku's. Heroku takes any 2xx for an end, and
// tries everything else again for up to 72 hours
// (https://devcenter.heroku.com/changelog-items/2525), so the answers are:
//
//	204  done, or nothing to do
//	400  signed, and not to be understood
//	401  not signed with one of our keys
//	500  no key to check with
//	503  could not finish: try again
type handler struct {
	keys       credential.Source
	bindings   *directory
	warmUp     func() // opens a connection to Heroku
	reconciler *reconcile.Reconciler
	// remaining is how many of the accounts' hourly requests are left.
	remaining func() (requests int, known bool)
	log       func(ctx context.Context, trigger string) *slog.Logger
	metrics   metric.Writer
}

func (h *handler) handle(ctx context.Context, request events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	log := h.log(ctx, trigger)
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	status := h.deliver(ctx, log, request)
	return events.APIGatewayV2HTTPResponse{StatusCode: status}, nil
}

// deliver walks the data through: request, verified body, release, bindings.
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

// follow brings the bindings of the release's app up to date: at once those that
// are known from an earlier list, and while that goes on it lists again, if the
// list is old or names none. Bindings that spell the app by its name and by its id are
// followed apart: a name can have gone to another app since the event was made.
func (h *handler) follow(ctx context.Context, log *slog.Logger, release release) (status int) {
	identities := slices.DeleteFunc([]string{release.AppName, release.AppID}, func(text string) bool { return !reconcile.IsApp(text) })
	if len(identities) == 0 {
		return http.StatusNoContent
	}
	h.warmUp()
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
	if all && slices.ContainsFunc(results, isGone) { // what was listed minutes ago is there no more
		list()
		all = false
	}
	if !all && err == nil {
		results = slices.DeleteFunc(results, func(r reconcile.Result) bool { return isGone(r) && !contains(listed, r.ARN) })
	}
	results = append(results, h.update(ctx, identities, without(listed, results))...)
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

// update brings bindings up to date. What follows the app otherwise than the list
// said, by its other name or with another token, is updated as its fence found it.
func (h *handler) update(ctx context.Context, identities []string, bindings []reconcile.Binding) (results []reconcile.Result) {
	var retagged []reconcile.Binding
	for _, r := range h.updateOnce(ctx, bindings) {
		if r.Outcome == reconcile.Elsewhere && slices.Contains(identities, r.App) {
			retagged = append(retagged, r.Binding)
		} else {
			results = append(results, r)
		}
	}
	return append(results, h.updateOnce(ctx, retagged)...)
}

func (h *handler) updateOnce(ctx context.Context, bindings []reconcile.Binding) (results []reconcile.Result) {
	sources := make(map[reconcile.Source][]reconcile.Binding)
	for _, b := range bindings {
		sources[b.Source] = append(sources[b.Source], b)
	}
	for from, bindings := range sources {
		results = append(results, h.reconciler.Update(ctx, from, bindings)...)
	}
	return results
}

// without returns the bindings that have no result yet.
func without(bindings []reconcile.Binding, results []reconcile.Result) []reconcile.Binding {
	return slices.DeleteFunc(bindings, func(b reconcile.Binding) bool {
		return slices.ContainsFunc(results, func(r reconcile.Result) bool { return r.ARN == b.ARN })
	})
}

func contains(bindings []reconcile.Binding, arn string) bool {
	return slices.ContainsFunc(bindings, func(b reconcile.Binding) bool { return b.ARN == arn })
}

// isGone reports whether there is no such secret any more, nor another one of its name.
func isGone(r reconcile.Result) bool { return errors.Is(r.Err, reconcile.ErrNoSecret) }

// measure writes the metrics of a delivery, if its app is bound.
func (h *handler) measure(results []reconcile.Result) {
	if len(results) == 0 {
		return
	}
	set := metric.Measure(results)
	if left, known := h.remaining(); known {
		set.Add("HerokuRequestsLeft", float64(left))
	}
	h.metrics.Write(set)
}

// again reports whether Heroku shall try again. An invalid tag, or a secret that is not
// ours to write, is a person's matter, and would hold up the deliveries for the app's
// other bindings.
func again(r reconcile.Result) bool {
	isForAPerson := errors.Is(r.Err, reconcile.ErrTag) || errors.Is(r.Err, reconcile.ErrOwned)
	return (r.Outcome == reconcile.Failed || r.Outcome == reconcile.Held) && !isForAPerson
}

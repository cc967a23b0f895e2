package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/keeper"
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
	keys     signingKeys
	bindings *binding.Directory
	keeper   *keeper.Keeper
	log      func(ctx context.Context, trigger string) *slog.Logger
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
		log.Warn("signature refused", "error", err.Error())
		return statusOf(err)
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

// follow brings the bindings of the release's app up to date.
func (h *handler) follow(ctx context.Context, log *slog.Logger, release release) (status int) {
	entries, err := h.bindings.Find(ctx, release.AppName, release.AppID)
	if err != nil {
		log.Error("bindings not found", "app", release.AppName, "error", err.Error())
		return http.StatusServiceUnavailable
	}
	status = http.StatusNoContent
	var bindings []binding.Binding
	for _, entry := range entries {
		if entry.Err != nil {
			log.Error(string(keeper.Failed), "app", entry.App, "secret", entry.Name, "error", entry.Err.Error())
			status = http.StatusServiceUnavailable
			continue
		}
		bindings = append(bindings, entry.Binding)
	}
	if len(bindings) == 0 {
		return status
	}
	for _, result := range h.keeper.Update(ctx, bindings[0].App, bindings) {
		result.Released = release.CreatedAt
		result.Log(ctx, log)
		if result.Outcome == keeper.Failed || result.Outcome == keeper.Held {
			status = http.StatusServiceUnavailable
		}
	}
	return status
}

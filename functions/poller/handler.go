package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"keepcurrent.example/internal/keeper"
)

const trigger = "poller"

// margin is what a round leaves of its time to report.
const margin = 2 * time.Second

// handler runs one round for each event, whatever the event says.
type handler struct {
	keeper        keeper.Keeper
	subscriptions subscriptions
	log           func(ctx context.Context, trigger string) *slog.Logger
}

// handle runs a round. Its error, if a binding failed, comes after all others
// are done, and is what the standard alarm on Lambda errors sees.
func (h *handler) handle(ctx context.Context, event json.RawMessage) (*report, error) {
	dryRun, err := isDryRun(event)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	k := h.keeper
	k.DryRun = dryRun || h.keeper.DryRun // a pause is a dry run of everything
	results, err := k.Poll(ctx)
	if err != nil {
		return nil, err
	}
	log := h.log(ctx, trigger)
	for _, result := range results {
		result.Log(ctx, log)
	}
	r := newReport(k.DryRun, results)
	if !k.DryRun {
		r.Subscriptions = h.subscriptions.look(ctx, time.Now(), results)
	}
	for _, s := range r.Subscriptions {
		if s.Error != "" {
			log.Warn("subscription", "app", s.App, "error", s.Error)
		}
	}
	log.Info("round", "report", r)
	return r, r.err()
}

// isDryRun reads {"dryRun": true}. A dryRun that is no boolean is refused: who
// wrote it did not want a round that writes.
func isDryRun(event json.RawMessage) (bool, error) {
	var wish struct {
		DryRun bool `json:"dryRun"`
	}
	if !bytes.HasPrefix(bytes.TrimSpace(event), []byte("{")) {
		return false, nil
	}
	if err := json.Unmarshal(event, &wish); err != nil {
		return false, errors.New(`dryRun in the event can be true or false: {"dryRun": true}`)
	}
	return wish.DryRun, nil
}

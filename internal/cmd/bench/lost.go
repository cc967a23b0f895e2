package main

import (
	"context"
	"fmt"
	"time"
)

const lostRuns = 5

// wayOut is how a secret gets right although no webhook comes: a wait, and then a run.
type wayOut struct {
	*other
	average, longest time.Duration // wait
}

// lost measures what puts the secret right if the webhook is lost.
func (b *bench) lost(ctx context.Context, r *rig) error {
	version := ""
	ways := []*wayOut{
		{&other{name: "a consumer calls", update: func(ctx context.Context) error { return r.Call(ctx, r.secret, version, 1) }},
			time.Second, 1500 * time.Millisecond},
		{&other{name: "poll every minute", update: func(ctx context.Context) error { _, err := r.Poll(ctx); return err }},
			30 * time.Second, time.Minute},
	}
	for _, cron := range b.commands(r) {
		cron.name = "a cron job every 5 minutes"
		ways = append(ways, &wayOut{cron, 150 * time.Second, 5 * time.Minute})
	}
	for range lostRuns {
		for _, w := range ways {
			err := r.rebind(ctx) // the webhook updates a secret once in ten seconds for consumers
			if err == nil {
				version, err = r.current(ctx)
			}
			if err != nil {
				return err
			}
			took, _, err := r.follow(ctx, r.binding, w.update)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			w.took = append(w.took, took)
		}
	}
	var rows [][]string
	for _, w := range ways {
		run := w.took.median()
		b.ways = append(b.ways, way{w.name, run, w.average + run, w.longest + run})
		rows = append(rows, []string{w.name, seconds(w.average), seconds(run), seconds(w.average + run), seconds(w.longest + run)})
	}
	b.table("If the webhook is lost: seconds until AWSCURRENT is right",
		[]string{"", "wait", "run", "in all", "at most"}, rows,
		fmt.Sprintf("Medians of %d warm runs; the cron job runs the two commands. A consumer calls about a second after it is refused. "+
			"What EventBridge, SQS and Lambda take to bring its call is not included.", lostRuns))
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }

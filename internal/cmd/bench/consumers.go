package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Waits that are arithmetic: uniform from nothing to the whole.
const (
	cronEvery = 5 * time.Minute
	cacheFor  = time.Hour // the default of AWS's caching libraries
)

// way is one way in which a consumer recovers: waits that follow each other, each from
// its least to its greatest.
type way struct {
	name                string
	least, median, most time.Duration
}

// uniform is a wait for something that happens at regular intervals.
func uniform(period time.Duration) sample { return sample{0, period / 2, period} }

// along adds waits that follow each other. It adds their medians: if one wait is much
// longer than the other, that is about the median of the sum.
func along(name string, waits ...sample) way {
	w := way{name: name}
	for _, wait := range waits {
		least, median, most := wait.spread()
		w.least, w.median, w.most = w.least+least, w.median+median, w.most+most
	}
	return w
}

// consumers computes how long a consumer is down after a rotation.
func (b *bench) consumers(ctx context.Context, r *rig) error {
	if err := b.consumer(ctx, r); err != nil {
		return err
	}
	cron, name := b.cron, "a cron job every 5 minutes"
	if cron == nil {
		cron, name = b.warm, name+" (as fast as the webhook)"
	}
	b.ways = []way{
		along("webhook, warm; reads the secret when a login fails", b.warm, b.reread),
		along("webhook, cold; reads the secret when a login fails", b.cold, b.reread),
		along("webhook, warm; restarts when AWSCURRENT moves", b.warm, b.restart),
		along(name+"; reads the secret when a login fails", uniform(cronEvery), cron, b.reread),
		along("webhook, warm; caches the secret for an hour", b.warm, uniform(cacheFor), b.reread),
		along(name+"; caches the secret for an hour", uniform(cronEvery), cron, uniform(cacheFor), b.reread),
	}
	var rows [][]string
	for _, w := range b.ways {
		rows = append(rows, []string{w.name, sec(w.least), sec(w.median), sec(w.most), fmt.Sprintf("%.1f", w.median.Seconds()/b.ways[0].median.Seconds())})
	}
	b.table("Downtime of a consumer: seconds from Heroku's event until it works again",
		[]string{"what updates the secret; what the consumer does", "min", "median", "max", "ratio"}, rows,
		"Measured: the runs, the read of the secret, the login and the start of a process. Calculated: the waits for a cron job "+
			"(0 to 300 s) and for a cache of one hour (the default of AWS's caching libraries; 0 to 3,600 s). "+
			"Not included: scheduling a new task or pod, and the time in which Heroku makes the event.")
	return nil
}

func sec(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.2f", d.Seconds())
	}
	return fmt.Sprintf("%.0f", d.Seconds())
}

// consumer measures a workload: its start, and its read and login alone.
func (b *bench) consumer(ctx context.Context, r *rig) error {
	for range otherRuns {
		cmd := exec.CommandContext(ctx, b.bootstrap("consumer"), r.secret)
		cmd.Env = append(environment(), r.remotes()...)
		cmd.Stderr = os.Stderr
		began := time.Now()
		answer, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("the consumer: %w", err)
		}
		b.restart = append(b.restart, time.Since(began))
		n, err := strconv.ParseInt(strings.TrimSpace(string(answer)), 10, 64)
		if err != nil {
			return err
		}
		b.reread = append(b.reread, time.Duration(n))
	}
	return nil
}

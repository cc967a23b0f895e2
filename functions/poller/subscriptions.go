package main

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"time"

	"keepcurrent.example/internal/keeper"
)

// coldWindow stands for the time since the last round in a container that has had
// none. It is longer than the usual schedules, so that no app's time of day is
// passed over.
const coldWindow = 2 * time.Hour

// lookTime is how long a round may see to subscriptions.
const lookTime = time.Minute

// desk mends the subscriptions of an app; package subscription.
type desk interface {
	Mend(ctx context.Context, app string) (did string, err error)
	Remove(ctx context.Context, app string) (did string, err error)
}

// subscriptions decides which apps' subscriptions to look at: those where this
// round found a value that the webhook should have brought, or filled a secret
// for the first time, and each app once a day. It needs no memory for that.
type subscriptions struct {
	desk desk // nil: leave subscriptions alone
	last time.Time
}

// look mends what is due and returns a line for each app where something was done
// or went wrong. Trouble with a subscription is no failure of the sync. What there
// is no time for comes with the app's next miss, or its time of day.
func (s *subscriptions) look(ctx context.Context, now time.Time, results []keeper.Result) []subscribed {
	since := s.last
	if since.IsZero() {
		since = now.Add(-coldWindow)
	}
	s.last = now
	if s.desk == nil || slices.ContainsFunc(results, isLimited) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	apps := make(map[string][]keeper.Result)
	for _, r := range results {
		apps[r.App] = append(apps[r.App], r)
	}
	var lines []subscribed
	for app, results := range apps {
		if ctx.Err() == nil && (slices.ContainsFunc(results, missed) || isDue(app, since, now)) {
			lines = append(lines, s.settle(ctx, app, slices.ContainsFunc(results, isOn))...)
		}
	}
	slices.SortFunc(lines, func(a, b subscribed) int { return cmp.Compare(a.App, b.App) })
	return lines
}

// settle leaves an app with one subscription of ours, or with none if all its
// bindings are opted out. It returns no line if there was nothing to do.
func (s *subscriptions) settle(ctx context.Context, app string, on bool) []subscribed {
	settle := s.desk.Remove
	if on {
		settle = s.desk.Mend
	}
	did, err := settle(ctx, app)
	switch {
	case err != nil:
		return []subscribed{{App: app, Did: did, Error: err.Error()}}
	case did != "":
		return []subscribed{{App: app, Did: did}}
	}
	return nil
}

func isLimited(r keeper.Result) bool { return errors.Is(r.Err, keeper.ErrRateLimited) }

func missed(r keeper.Result) bool { return r.Outcome == keeper.Published }

func isOn(r keeper.Result) bool { return r.Outcome != keeper.Off }

// isDue reports whether the app's time of day lies after since and not after now.
func isDue(app string, since, now time.Time) bool {
	h := fnv.New32a()
	h.Write([]byte(app))
	const day = 24 * time.Hour
	due := now.Truncate(day).Add(time.Duration(h.Sum32()) * time.Second % day)
	if due.After(now) {
		due = due.Add(-day)
	}
	return due.After(since)
}

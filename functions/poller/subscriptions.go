package main

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"time"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/keeper"
)

// coldWindow stands for the time since the last round in a container that has had
// none. With a schedule of up to that, no app's time of day is passed over.
const coldWindow = 2 * time.Hour

// lookTime is how long a round may see to subscriptions.
const lookTime = time.Minute

// desk mends the subscriptions of an app; package subscription.
type desk interface {
	Mend(ctx context.Context, app string, missed bool) (did string, err error)
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
		looks := slices.ContainsFunc(results, isPublished) || isDue(app, since, now)
		if !looks || !binding.IsApp(app) {
			continue
		}
		did, err := s.settle(ctx, app, results)
		if ctx.Err() != nil || errors.Is(err, keeper.ErrRateLimited) {
			break
		}
		if err != nil {
			lines = append(lines, subscribed{App: app, Did: did, Error: err.Error()})
		} else if did != "" {
			lines = append(lines, subscribed{App: app, Did: did})
		}
	}
	slices.SortFunc(lines, func(a, b subscribed) int { return cmp.Compare(a.App, b.App) })
	return lines
}

// settle leaves an app with one subscription of ours, or with none if all its
// bindings are opted out.
func (s *subscriptions) settle(ctx context.Context, app string, results []keeper.Result) (did string, err error) {
	if !slices.ContainsFunc(results, isOn) {
		return s.desk.Remove(ctx, app)
	}
	return s.desk.Mend(ctx, app, slices.ContainsFunc(results, isMissed))
}

func isLimited(r keeper.Result) bool { return errors.Is(r.Err, keeper.ErrRateLimited) }

func isPublished(r keeper.Result) bool { return r.Outcome == keeper.Published }

// isMissed reports whether the webhook should have brought the change.
func isMissed(r keeper.Result) bool { return isPublished(r) && r.Current != "" }

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

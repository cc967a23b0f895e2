package main

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/keeper"
)

// lookTime is how long a round may see to subscriptions.
const lookTime = time.Minute

// desk mends the subscriptions of an account's apps; package subscription.
type desk interface {
	Mend(ctx context.Context, app string, missed bool) (did string, err error)
	Remove(ctx context.Context, app string) (did string, err error)
	State(ctx context.Context, app string) (string, error)
}

// subscriptions decides which apps' subscriptions to look at: those where this
// round found a value that the webhook should have brought, or filled a secret
// for the first time, and each app once a day. It needs no memory for that.
type subscriptions struct {
	desk   func(token string) desk // nil: leave subscriptions alone
	period time.Duration           // from one round to the next
	last   time.Time               // the round before, zero in a fresh container
}

// look mends what is due and returns a line for each app where something was done
// or went wrong. Trouble with a subscription is no failure of the sync. The looks
// are few, and may use the requests that polls leave to others. What there is no
// time for comes with the app's next miss, or its time of day.
func (s *subscriptions) look(ctx context.Context, now time.Time, results []keeper.Result) []subscribed {
	since := s.last
	if since.IsZero() {
		since = now.Add(-2 * s.period) // the schedule is not punctual
	}
	s.last = now
	on := make(map[string]bool) // by app
	for _, r := range results {
		on[r.App] = on[r.App] || isOn(r)
	}
	return s.each(ctx, results, func(ctx context.Context, from binding.Source, results []keeper.Result) (line subscribed, err error) {
		if slices.ContainsFunc(results, isPublished) || isDue(from.App, since, now) {
			line.Did, err = s.settle(ctx, from, results, on[from.App])
		}
		return line, err
	})
}

// inspect says how the subscription of every app is that needs one.
func (s *subscriptions) inspect(ctx context.Context, results []keeper.Result) []subscribed {
	return s.each(ctx, results, func(ctx context.Context, from binding.Source, results []keeper.Result) (line subscribed, err error) {
		if slices.ContainsFunc(results, isOn) {
			line.State, err = s.desk(from.Token).State(ctx, from.App)
		}
		return line, err
	})
}

// looksAbreast is how many apps' subscriptions are seen to at once.
const looksAbreast = 8

// each sees to the apps and returns the lines that say something. An account whose
// requests are used up has no further turn.
func (s *subscriptions) each(ctx context.Context, results []keeper.Result, see func(context.Context, binding.Source, []keeper.Result) (subscribed, error)) []subscribed {
	if s.desk == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	sources := make(map[binding.Source][]keeper.Result)
	limited := make(map[string]bool) // by token
	for _, r := range results {
		sources[r.Source] = append(sources[r.Source], r)
		limited[r.Token] = limited[r.Token] || isLimited(r.Err)
	}
	var lines []subscribed
	var mu sync.Mutex // guards limited and lines
	var wg sync.WaitGroup
	free := make(chan struct{}, looksAbreast)
	for from, results := range sources {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			mu.Lock()
			skip := limited[from.Token] || ctx.Err() != nil || !from.Valid()
			mu.Unlock()
			if skip {
				return
			}
			var line subscribed
			var err error
			panicked := credential.Safely(func() { line, err = see(ctx, from, results) })
			err = errors.Join(err, panicked)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case ctx.Err() != nil:
				return
			case isLimited(err):
				limited[from.Token] = true
				return
			case err != nil:
				line.Error = err.Error()
			}
			if line != (subscribed{}) {
				line.App = from.App
				lines = append(lines, line)
			}
		})
	}
	wg.Wait()
	slices.SortFunc(lines, func(a, b subscribed) int { return cmp.Compare(a.App, b.App) })
	return lines
}

// settle leaves an app with one subscription of ours, or with none if all its
// bindings are opted out, whichever tokens they name.
func (s *subscriptions) settle(ctx context.Context, from binding.Source, results []keeper.Result, on bool) (did string, err error) {
	switch {
	case !on:
		return s.desk(from.Token).Remove(ctx, from.App)
	case !slices.ContainsFunc(results, isOn): // another token's bindings keep it
		return "", nil
	}
	return s.desk(from.Token).Mend(ctx, from.App, slices.ContainsFunc(results, isMissed))
}

func isLimited(err error) bool { return errors.Is(err, keeper.ErrRateLimited) }

func isPublished(r keeper.Result) bool { return r.Outcome == keeper.Published }

// isMissed reports whether the webhook should have brought the change. A paused
// stack brings none.
func isMissed(r keeper.Result) bool { return !r.Moved.IsZero() && r.Current != "" }

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

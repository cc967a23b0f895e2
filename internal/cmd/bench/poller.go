package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"keepcurrent.example/internal/testserver/stacktest"
)

const (
	apps = 1000
	// parallelApps is how many apps a poll works on at once; see package reconcile.
	parallelApps = 8
	// herokuTime is the time that Heroku takes to answer.
	herokuTime = 100 * time.Millisecond
	polls      = 3
)

// poller measures polls of 1,000 apps that have not changed.
func (b *bench) poller(ctx context.Context) error {
	s, err := stacktest.Start(ctx, stacktest.Config{Functions: b.dir, Env: []string{"LOG_LEVEL=warn"}})
	if err != nil {
		return err
	}
	defer s.Close()
	s.Heroku.SetRateLimit(1 << 30)
	if err := populate(ctx, s); err != nil {
		return err
	}
	defer s.Heroku.Wrap(delay(herokuTime))()
	var took sample
	var aws, heroku map[string]int
	for range polls {
		s.Secrets.ResetCalls()
		s.Heroku.ResetCalls()
		began := time.Now()
		report, err := s.Poll(ctx)
		if err != nil {
			return err
		}
		if report.Unchanged != apps {
			return fmt.Errorf("%d of %d are unchanged", report.Unchanged, apps)
		}
		took = append(took, time.Since(began))
		aws, heroku = s.Secrets.Calls(), s.Heroku.Calls()
	}
	floor := apps * herokuTime / parallelApps
	b.table(fmt.Sprintf("A poll of %d apps with one secret each, nothing changed", apps),
		[]string{"", "min", "median", "max", "floor", "ratio"},
		[][]string{append(took.row("poll"), ms(floor), ratio(took.median(), floor))},
		fmt.Sprintf("Heroku answers in %s; %d apps are read at once. %d polls of a warm function. Calls of one poll: AWS %s; Heroku %s.",
			ms(herokuTime), parallelApps, polls, counts(aws), counts(heroku)))
	return nil
}

// populate binds a secret to each of the apps, and polls once, which fills them all.
func populate(ctx context.Context, s *stacktest.Stack) error {
	for i := range apps {
		name := fmt.Sprintf("app-%d", i)
		s.Heroku.CreateApp(name).Set("DATABASE_URL", fmt.Sprintf("postgres://u:EXAMPLE-%d@db-%d.example:5432/d", i, i))
		if _, err := s.Bind(ctx, name, name, "heroku:verify=off"); err != nil {
			return err
		}
	}
	report, err := s.Poll(ctx)
	if err == nil && report.Published != apps {
		err = fmt.Errorf("the first poll published %d", report.Published)
	}
	return err
}

func counts(calls map[string]int) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		texts = append(texts, fmt.Sprintf("%d `%s`", calls[name], name))
	}
	return strings.Join(texts, ", ")
}

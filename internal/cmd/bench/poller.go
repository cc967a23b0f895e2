package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/stacktest"
)

const (
	apps = 1000
	// parallelApps is how many apps a round works on at once; see package reconcile.
	parallelApps = 8
	// away is the time that Heroku takes to answer, and awayAWS the time of AWS.
	away, awayAWS = 100 * time.Millisecond, 10 * time.Millisecond
	idlePolls     = 3
	// writes is how many calls of PutSecretValue and UpdateSecretVersionStage together
	// AWS accepts a second in a Region
	// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
	writes = 50
)

// poller measures rounds over 1,000 apps, at rest and after all have changed.
func (b *bench) poller(ctx context.Context) error {
	s, err := stacktest.Start(ctx, stacktest.Config{Functions: b.dir, Env: []string{"LOG_LEVEL=warn"}})
	if err != nil {
		return err
	}
	defer s.Close()
	s.Heroku.SetRateLimit(1 << 30)
	estate, err := populate(ctx, s)
	if err != nil {
		return err
	}
	defer s.Heroku.Wrap(slow(away))()
	if err := b.idle(ctx, s); err != nil {
		return err
	}
	return b.storm(ctx, s, estate)
}

// populate binds a secret to each of the apps, fills it and polls until that is done.
func populate(ctx context.Context, s *stacktest.Stack) (estate []*herokutest.App, err error) {
	for i := range apps {
		name := fmt.Sprintf("app-%d", i)
		app := s.Heroku.CreateApp(name)
		app.Set("DATABASE_URL", urlOf(i, "first"))
		if _, err := s.Bind(ctx, name, name, "heroku:verify=off"); err != nil {
			return nil, err
		}
		estate = append(estate, app)
	}
	report, err := s.Poll(ctx)
	if err == nil && report.Published != apps {
		err = fmt.Errorf("the first poll published %d", report.Published)
	}
	return estate, err
}

func urlOf(i int, password string) string {
	return fmt.Sprintf("postgres://u:%s-EXAMPLE-%d@db-%d.example:5432/d", password, i, i)
}

func slow(d time.Duration) herokutest.Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(d)
			next.ServeHTTP(w, r)
		})
	}
}

// idle polls while nothing changes.
func (b *bench) idle(ctx context.Context, s *stacktest.Stack) error {
	var took sample
	var aws, heroku map[string]int
	for range idlePolls {
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
	floor := apps * away / parallelApps
	objects, err := b.allocations(ctx, s)
	if err != nil {
		return err
	}
	b.table(fmt.Sprintf("Poller: a round over %d apps with one secret each, nothing changed", apps),
		[]string{"", "min", "median", "max", "floor", "ratio"},
		[][]string{append(append([]string{"round"}, took.cells()...), ms(floor), ratio(took.median(), floor))},
		fmt.Sprintf("Heroku answers in %s; %d apps are read at once. %d rounds of a warm function. Calls of one round: %s; %s. %s.",
			ms(away), parallelApps, idlePolls, counts("AWS", aws), counts("Heroku", heroku), objects))
	return nil
}

func counts(remote string, calls map[string]int) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		texts = append(texts, fmt.Sprintf("%d `%s`", calls[name], name))
	}
	if texts == nil {
		texts = []string{"none"}
	}
	return remote + " " + strings.Join(texts, ", ")
}

// allocations runs a separate process that measures what a second round allocates.
func (b *bench) allocations(ctx context.Context, s *stacktest.Stack) (string, error) {
	cmd := exec.CommandContext(ctx, b.bootstrap("allocs"))
	cmd.Env = append(environment(),
		"AWS_ENDPOINT_URL_SECRETS_MANAGER="+s.Secrets.URL, "HEROKU_API_URL="+s.Heroku.URL,
		"HEROKU_TOKEN_SECRET_ID="+stacktest.TokenSecret, "WEBHOOK_SIGNING_SECRET_ID="+stacktest.SigningSecret)
	cmd.Stderr = os.Stderr
	answer, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("counting allocations: %w", err)
	}
	var bindings, objects, bytes int
	if _, err := fmt.Sscan(string(answer), &bindings, &objects, &bytes); err != nil {
		return "", err
	}
	return fmt.Sprintf("For each unchanged secret the round allocates %d objects of %d bytes in all", objects/bindings, bytes/bindings), nil
}

// storm changes every app's URL and polls until all secrets are equal. A gate in front of
// Secrets Manager refuses writes above AWS's quota.
func (b *bench) storm(ctx context.Context, s *stacktest.Stack, estate []*herokutest.App) error {
	for i, app := range estate {
		app.Set("DATABASE_URL", urlOf(i, "second"))
	}
	g := &gate{}
	s.Secrets.Intercept(g.choose)
	defer s.Secrets.Intercept(nil)
	began := time.Now()
	published, rounds := 0, 0
	for published < apps {
		report, err := s.Poll(ctx)
		if err != nil {
			return fmt.Errorf("%w; the log ends with:\n%s", err, tail(s.Poller.Logs()))
		}
		rounds++
		published += report.Published
		if report.Failed > 0 || report.Published == 0 {
			return fmt.Errorf("round %d published %d and failed %d", rounds, report.Published, report.Failed)
		}
	}
	took := time.Since(began)
	g.mu.Lock()
	defer g.mu.Unlock()
	b.table(fmt.Sprintf("Poller: all %d apps have changed", apps),
		[]string{"", ""},
		[][]string{
			{"time until all are right", ms(took)},
			{"rounds", fmt.Sprint(rounds)},
			{"most writes in any second", fmt.Sprint(g.peak)},
			{"writes that AWS allows in a second", fmt.Sprint(writes)},
			{"writes refused with ThrottlingException", fmt.Sprint(g.refused)},
			{"secrets that failed", "0"},
		},
		fmt.Sprintf("Heroku answers in %s and AWS in %s. `heroku:verify` is off, so only these two slow the writes.", ms(away), ms(awayAWS)))
	return nil
}

// gate accepts a number of writes in any second, and refuses the others as AWS does.
type gate struct {
	mu            sync.Mutex
	all           []time.Time // of the last second
	taken         []time.Time // of these, those that were not refused
	peak, refused int
}

func (g *gate) choose(c secretstest.Call) secretstest.Fault {
	if c.Action != "PutSecretValue" && c.Action != "UpdateSecretVersionStage" {
		return secretstest.Delay(awayAWS)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.all, g.taken = append(recent(g.all, now), now), recent(g.taken, now)
	g.peak = max(g.peak, len(g.all))
	if len(g.taken) >= writes {
		g.refused++
		return secretstest.Fail(http.StatusBadRequest, "ThrottlingException")
	}
	g.taken = append(g.taken, now)
	return secretstest.Delay(awayAWS)
}

func recent(times []time.Time, now time.Time) []time.Time {
	return slices.DeleteFunc(times, func(t time.Time) bool { return now.Sub(t) >= time.Second })
}

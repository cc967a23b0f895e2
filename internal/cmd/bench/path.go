package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const pathRuns = 12

// A floor is the sum of the calls that must follow each other.

// warmFloor is the floor of a process with open connections.
func (d distances) warmFloor(login time.Duration) time.Duration {
	return d.aws.call() + d.afterFence(login)
}

// afterFence is the floor of what follows the fence: Heroku, the login, and the swap,
// whose AWSCURRENT moves before its answer travels.
func (d distances) afterFence(login time.Duration) time.Duration {
	return d.heroku.call() + login + d.aws.trip/2 + d.aws.work
}

// idleFloor is the floor of a process whose connections AWS and Heroku have closed. Two
// round trips open one with TLS, to both remotes at once.
func (d distances) idleFloor(login time.Duration) time.Duration {
	return max(2*d.aws.trip+d.aws.call(), 2*d.heroku.trip) + d.afterFence(login)
}

// coldFloor is the floor of a process that has just started. It reads the list, the keys
// and the token from AWS at once, and then the fence, while the connection to Heroku
// opens.
func (d distances) coldFloor(login time.Duration) time.Duration {
	return max(2*d.aws.trip+2*d.aws.call(), 2*d.heroku.trip) + d.afterFence(login)
}

// leastLogin measures logins in the fewest possible round trips. By default a server
// before Postgres 18 accepts only the curve P-256, and a client that offers another needs
// one more round trip.
func leastLogin(ctx context.Context, r *rig) (sample, error) {
	var took sample
	for range pathRuns {
		config, err := pgconn.ParseConfig(r.db.URL() + "?sslmode=require")
		if err != nil {
			return nil, errors.New("pgx does not take the URL") // its own error could quote it
		}
		config.TLSConfig.CurvePreferences = []tls.CurveID{tls.CurveP256}
		began := time.Now()
		conn, err := pgconn.ConnectConfig(ctx, config)
		if err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
		conn.Close(ctx)
	}
	return took, nil
}

// situation is a state of the webhook when a request arrives.
type situation struct {
	name  string
	of    *binding
	setUp func()
	floor func(login time.Duration) time.Duration
	took  sample
	calls []call // of the last run
}

// criticalPath measures the time from a request's arrival to AWSCURRENT.
func (b *bench) criticalPath(ctx context.Context, r *rig) error {
	start := b.start.median()
	cold := &situation{name: "cold", of: r.binding, setUp: r.Webhook.Kill,
		floor: func(login time.Duration) time.Duration { return start + usual.coldFloor(login) }}
	warm := &situation{name: "warm", of: r.binding, setUp: func() {}, floor: usual.warmFloor}
	inObject := &situation{name: "warm, `heroku:format=key`", of: r.inObject, setUp: func() {}, floor: usual.warmFloor}
	idle := &situation{name: "warm, connections closed by the servers", of: r.binding, setUp: r.hangUp, floor: usual.idleFloor}
	situations := []*situation{cold, warm, inObject, idle}
	for range pathRuns {
		for _, s := range situations {
			if err := s.run(ctx, r); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	login, err := leastLogin(ctx, r)
	if err != nil {
		return err
	}
	b.pathTable(situations, login)
	b.steps("Calls of the last cold run", cold.calls)
	return nil
}

func (s *situation) run(ctx context.Context, r *rig) error {
	s.setUp()
	took, calls, err := r.follow(ctx, s.of, r.announce(s.of))
	s.took, s.calls = append(s.took, took), calls
	return err
}

func (b *bench) pathTable(situations []*situation, login sample) {
	var rows [][]string
	for _, s := range situations {
		median, floor := s.took.median(), s.floor(login.median())
		rows = append(rows, append(s.took.row(s.name), ms(floor), ms(median-floor), ratio(median, floor)))
		if s.name == "cold" || s.name == "warm" {
			least, median, most := s.took.spread()
			b.ways = append(b.ways, way{"the webhook, " + s.name, least, median, most})
		}
	}
	b.table("Critical path: from the request's arrival to AWSCURRENT",
		[]string{"webhook", "min", "median", "max", "floor", "above it", "ratio"}, rows,
		fmt.Sprintf("AWS answers a call in %s (of which the round trip takes %s), Heroku in %s (%s); each round trip to Postgres takes %s. "+
			"All use TLS 1.3. %d runs each, alternating. In the floor: a login, %s; for a cold run the start-up, %s.",
			ms(usual.aws.call()), ms(usual.aws.trip), ms(usual.heroku.call()), ms(usual.heroku.trip), ms(usual.postgres), pathRuns, ms(login.median()), ms(b.start.median())))
}

// steps lists the calls of a run as their servers saw them. They are not for the page.
func (b *bench) steps(heading string, calls []call) {
	slices.SortFunc(calls, func(x, y call) int { return cmp.Or(x.began.Compare(y.began), cmp.Compare(x.name, y.name)) })
	var rows [][]string
	for _, c := range calls {
		rows = append(rows, []string{c.name, ms(c.began.Sub(time.Time{})), ms(c.ended.Sub(time.Time{}))})
	}
	new(page).table(heading, []string{"call", "arrives", "done"}, rows)
}

package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"keepcurrent.example/consumer"
)

const plan = "heroku-postgresql:essential-0"

// buy makes a database of the drill's app, and returns the add-on's name and the URL. The
// database goes with the app.
func (d *drill) buy(ctx context.Context) (name string, err error) {
	var made struct{ Name string }
	if err := d.heroku.do(ctx, "POST", "/apps/"+d.app+"/addons", map[string]string{"plan": plan}, &made); err != nil {
		return "", err
	}
	_, err = until(ctx, "Heroku has provisioned the database", 3*d.pace.list, 10*d.pace.tick, func() (bool, error) {
		address, err := d.configVar(ctx, "DATABASE_URL")
		return address != "", err
	})
	return made.Name, err
}

// configVar reads a config var, "" if there is none, and notes its password.
func (d *drill) configVar(ctx context.Context, name string) (string, error) {
	vars := make(map[string]string)
	if err := d.heroku.do(ctx, "GET", "/apps/"+d.app+"/config-vars", nil, &vars); err != nil {
		return "", err
	}
	if u, err := url.Parse(vars[name]); err == nil && u.User != nil {
		password, _ := u.User.Password()
		d.hide = append(d.hide, password)
	}
	return vars[name], nil
}

// rotate asks Heroku to replace the default credential, as `heroku pg:credentials:rotate`
// does (https://github.com/heroku/cli, commands/pg/credentials/rotate.ts).
func (d *drill) rotate(ctx context.Context, addon string) error {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(":"+d.heroku.token.Reveal()))
	return d.heroku.do(ctx, "POST", d.dataURL+"/postgres/v0/databases/"+addon+"/credentials/default/credentials_rotation", map[string]any{}, nil, "Authorization: "+basic)
}

// rotation rotates the credential of a database under a consumer.
func rotation(ctx context.Context, d *drill) (outcome, error) {
	if !d.database {
		return outcome{}, skip("it costs money: give -database")
	}
	addon, err := d.buy(ctx)
	if err != nil {
		return outcome{}, err
	}
	arn, err := d.makeSecret(ctx, "database", nil, "heroku:app", d.app)
	if err != nil {
		return outcome{}, err
	}
	_, err = until(ctx, "a poll fills the secret of the database", d.pace.list+d.pace.patience(), d.pace.tick, func() (bool, error) {
		version, err := d.current(ctx, arn)
		return version != "", err
	})
	if err != nil {
		return outcome{}, err
	}
	user, err := d.consume(ctx, arn)
	if err != nil {
		return outcome{}, err
	}
	defer user.end()
	var gaps, moved sample
	failures := 0
	for n := range d.pace.rotate {
		before, err := d.current(ctx, arn)
		if err != nil {
			return outcome{}, err
		}
		user.reset()
		began := time.Now()
		if err := d.rotate(ctx, addon); err != nil {
			return outcome{}, err
		}
		_, err = until(ctx, "AWSCURRENT moves after a rotation", d.pace.deliver+d.pace.patience(), d.pace.tick, func() (bool, error) {
			version, err := d.current(ctx, arn)
			return version != before, err
		})
		if err != nil {
			return outcome{}, fmt.Errorf("rotation %d of %d: %w", n+1, d.pace.rotate, err)
		}
		moved = append(moved, time.Since(began))
		after := user.good()
		_, err = until(ctx, "the consumer's queries succeed again", d.pace.deliver, d.pace.tick, func() (bool, error) { return user.good() > after, nil })
		if err != nil {
			return outcome{}, fmt.Errorf("rotation %d of %d: %w", n+1, d.pace.rotate, errors.Join(err, user.why()))
		}
		gap, failed := user.reset()
		gaps, failures = append(gaps, gap), failures+failed
		if _, err := d.configVar(ctx, "DATABASE_URL"); err != nil { // notes the password
			return outcome{}, err
		}
	}
	return outcome{
		fmt.Sprintf("%d rotations under a query each %s: %d queries failed; without a good query for %s (median), %s at worst; AWSCURRENT moved after %s (median), %s at worst",
			d.pace.rotate, queryEvery, failures, round(gaps.median()), round(gaps.worst()), round(moved.median()), round(moved.worst())),
		map[string]float64{"rotations": float64(d.pace.rotate), "failed_queries": float64(failures), "outage_median_s": seconds(gaps.median()), "outage_worst_s": seconds(gaps.worst()),
			"rotation_to_current_median_s": seconds(moved.median()), "rotation_to_current_worst_s": seconds(moved.worst())},
	}, nil
}

const queryEvery = 50 * time.Millisecond

// user is a program that reads the secret with the package consumer, and queries.
type user struct {
	end func()

	mu     sync.Mutex // guards what follows
	ok     int
	failed int
	last   time.Time     // of the last query that was good
	gap    time.Duration // the longest time between two
	err    error         // of the last one that failed
}

func (d *drill) consume(ctx context.Context, arn string) (*user, error) {
	source := &consumer.Source{Client: d.secrets, SecretID: arn}
	config, err := source.PoolConfig(ctx)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 2 // a small plan has few connections
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	u := &user{last: time.Now()}
	var running sync.WaitGroup
	running.Go(func() {
		for wait(ctx, queryEvery) == nil {
			_, err := pool.Exec(ctx, "select 1")
			u.note(err)
		}
	})
	u.end = func() { stop(); running.Wait(); pool.Close() }
	return u, nil
}

func (u *user) note(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil {
		u.failed++
		u.err = err
		return
	}
	u.ok++
	now := time.Now()
	u.gap = max(u.gap, now.Sub(u.last))
	u.last = now
}

// reset returns the longest gap and the failed queries since the last reset.
func (u *user) reset() (gap time.Duration, failed int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	gap, failed = u.gap, u.failed
	u.gap, u.failed = 0, 0
	return gap, failed
}

func (u *user) good() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.ok
}

func (u *user) why() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

const loginVar = "DRILL_LOGIN_URL"

// held sets a URL that does not log in, while the one in the secret does.
func held(ctx context.Context, d *drill) (outcome, error) {
	if !d.database {
		return outcome{}, skip("it needs a URL that logs in: give -database")
	}
	good, err := d.configVar(ctx, "DATABASE_URL")
	if err != nil {
		return outcome{}, err
	}
	u, err := url.Parse(good)
	if err != nil || u.User == nil {
		return outcome{}, skip("the app has no database: run the check database before")
	}
	set := func(value string) error {
		return d.heroku.do(ctx, "PATCH", "/apps/"+d.app+"/config-vars", map[string]string{loginVar: value}, nil)
	}
	if err := set(good); err != nil {
		return outcome{}, err
	}
	arn, err := d.makeSecret(ctx, "held", nil, "heroku:app", d.app, "heroku:config-var", loginVar)
	if err != nil {
		return outcome{}, err
	}
	version := ""
	_, err = until(ctx, "a poll fills the secret", d.pace.list+d.pace.patience(), d.pace.tick, func() (bool, error) {
		version, err = d.current(ctx, arn)
		return version != "", err
	})
	if err != nil {
		return outcome{}, err
	}
	u.User = url.UserPassword(u.User.Username(), d.password)
	if err := set(u.String()); err != nil {
		return outcome{}, err
	}
	if err := wait(ctx, d.pace.onePoll()); err != nil {
		return outcome{}, err
	}
	now, err := d.current(ctx, arn)
	if err == nil && now != version {
		err = errors.New("AWSCURRENT has moved to a URL that does not log in")
	}
	return outcome{says: "a URL with a wrong password was held for " + round(d.pace.onePoll()).String()}, err
}

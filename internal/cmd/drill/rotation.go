package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	platform "github.com/heroku/heroku-go/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"keepcurrent.example/consumer"
)

const plan = "heroku-postgresql:essential-0"

// buy makes a database of the drill's app, and returns the add-on's name. The database goes
// with the app.
func (x *trial) buy() string {
	var made struct{ Name string }
	ok(x.heroku.onApp(x.ctx, "POST", "/addons", map[string]string{"plan": plan}, &made))
	must(until(x.ctx, "Heroku has provisioned the database", 3*x.pace.list, 10*x.pace.tick, func() (bool, error) {
		address, err := x.databaseURL()
		return address != nil, err
	}))
	return made.Name
}

// databaseURL reads DATABASE_URL, and notes that its password is not to be shown. It
// returns nil if the app has none.
func (x *trial) databaseURL() (*url.URL, error) {
	vars, err := x.heroku.configVars(x.ctx)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(vars["DATABASE_URL"])
	if err != nil || u.User == nil {
		return nil, nil
	}
	password, _ := u.User.Password()
	x.hide = append(x.hide, password)
	return u, nil
}

// rotate asks Heroku to replace the default credential, as `heroku pg:credentials:rotate`
// does (https://github.com/heroku/cli, commands/pg/credentials/rotate.ts).
func (x *trial) rotate(addon string) {
	api := platform.NewService(&http.Client{Transport: &platform.Transport{Password: x.heroku.token.Reveal()}})
	api.URL = x.dataURL
	ok(api.Post(x.ctx, nil, "/postgres/v0/databases/"+addon+"/credentials/default/credentials_rotation", struct{}{}))
}

// rotation rotates the credential of a database under a consumer.
func rotation(x *trial) {
	if !x.database {
		ok(skip("it costs money: give -database"))
	}
	addon := x.buy()
	arn := must(x.bind(x.ctx, "database"))
	x.filled(arn)
	u := must(x.consume(arn))
	defer u.end()
	var gaps, moved sample
	failures := 0
	for n := range x.pace.rotate {
		x.during = fmt.Sprintf("rotation %d of %d", n+1, x.pace.rotate)
		before := must(x.current(x.ctx, arn))
		u.take()
		began := time.Now()
		x.rotate(addon)
		must(until(x.ctx, "AWSCURRENT moves after a rotation", x.pace.deliver+x.pace.patience(), x.pace.tick, func() (bool, error) {
			version, err := x.current(x.ctx, arn)
			return version != before, err
		}))
		moved = append(moved, time.Since(began))
		ok(wait(x.ctx, x.pace.settle)) // Heroku may end the old connections later
		all := u.take()
		must(until(x.ctx, "the consumer's queries succeed again", x.pace.deliver, x.pace.tick, func() (bool, error) {
			more := u.take()
			all.failed, all.gap = all.failed+more.failed, max(all.gap, more.gap)
			if more.good > 0 {
				return true, nil
			}
			return false, more.err
		}))
		gaps, failures = append(gaps, all.gap), failures+all.failed
		must(x.databaseURL()) // notes the password
	}
	x.says("%d rotations under a query each %s: %d queries failed; without a good query: %s; until AWSCURRENT moved: %s", x.pace.rotate, queryEvery, failures, gaps, moved)
	x.Figures["rotations"] = float64(x.pace.rotate)
	x.Figures["failed_queries"] = float64(failures)
	x.figures("outage", gaps)
	x.figures("rotation_to_current", moved)
}

const queryEvery = 50 * time.Millisecond

// user is a program that reads the secret with the package consumer, and queries.
type user struct {
	end func()

	mu   sync.Mutex // guards what follows
	seen queries
	last time.Time // of the last query that was good
}

// queries are what became of some queries.
type queries struct {
	good, failed int
	gap          time.Duration // the longest time between two that were good
	err          error         // of the last one that failed
}

func (x *trial) consume(arn string) (*user, error) {
	source := &consumer.Source{Client: x.secrets, SecretID: arn}
	config, err := source.PoolConfig(x.ctx)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 2 // a small plan has few connections
	pool, err := pgxpool.NewWithConfig(x.ctx, config)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(x.ctx)
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
		u.seen.failed, u.seen.err = u.seen.failed+1, err
		return
	}
	now := time.Now()
	u.seen.good, u.seen.gap = u.seen.good+1, max(u.seen.gap, now.Sub(u.last))
	u.last = now
}

// take returns what became of the queries since it was called before.
func (u *user) take() queries {
	u.mu.Lock()
	defer u.mu.Unlock()
	seen := u.seen
	u.seen = queries{}
	return seen
}

const loginVar = "DRILL_LOGIN_URL"

// held sets a URL that does not log in, while the one in the secret does, and then another
// that does.
func held(x *trial) {
	if !x.database {
		ok(skip("it needs a URL that logs in: give -database"))
	}
	u := must(x.databaseURL())
	if u == nil {
		ok(skip("the app has no database: run the check database before"))
	}
	set := func(to string) { ok(x.heroku.setVar(x.ctx, loginVar, to)) }
	set(u.String())
	arn := must(x.bind(x.ctx, "held", "heroku:config-var", loginVar))
	version := x.filled(arn)
	good, query := u.User, u.Query()
	u.User = url.UserPassword(good.Username(), x.password)
	ours := must(x.heroku.webhookAt(x.ctx, x.stack.webhookURL))
	old := must(x.heroku.deliveries(x.ctx, ours))
	set(u.String())
	ok(wait(x.ctx, x.pace.onePoll()))
	x.tellWaited(slices.DeleteFunc(must(x.heroku.deliveries(x.ctx, ours)), isIn(old)))
	if must(x.current(x.ctx, arn)) != version {
		fail("AWSCURRENT has moved to a URL that does not log in")
	}
	query.Set("application_name", "drill")
	u.User, u.RawQuery = good, query.Encode()
	set(u.String())
	x.during = "afterwards"
	must(until(x.ctx, "AWSCURRENT moves to a URL that logs in", x.pace.patience(), x.pace.tick, func() (bool, error) {
		now, err := x.current(x.ctx, arn)
		return now != version, err
	}))
	x.says("a URL with a wrong password was held for %s, and one with the right password came", round(x.pace.onePoll()))
}

const howLong = "How long does Heroku wait for an answer?"

// tellWaited tells how long Heroku waited for the answers to some deliveries. The webhook
// answers late if it holds a value: it looks again for ten seconds.
func (x *trial) tellWaited(deliveries []delivery) {
	var longest time.Duration
	answer := "not checked: no delivery was answered late"
	for _, d := range deliveries {
		if d.LastAttempt == nil {
			continue
		}
		took := d.LastAttempt.UpdatedAt.Sub(d.LastAttempt.CreatedAt)
		switch {
		case code(d) != 0 && took > longest:
			longest, answer = took, fmt.Sprintf("at least %s: then an answer with status %d came", took, code(d))
		case code(d) == 0 && d.LastAttempt.ErrorClass != nil:
			x.tell(howLong, "%s: then it gave up (%s)", took, *d.LastAttempt.ErrorClass)
			return
		}
	}
	x.tell(howLong, "%s", answer)
}

// Demo tells the story of keepcurrent on this machine: a real Postgres, a Heroku,
// a Secrets Manager and both compiled functions, and a consumer that is down
// for as long as the secret is wrong. It ends by itself, with exit code 1 if the
// promise was broken.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"keepcurrent.example/internal/herokutest"
	"keepcurrent.example/internal/postgrestest"
	"keepcurrent.example/internal/stacktest"
)

func main() {
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "usage: go run ./internal/demo\n\n"+
			"Plays a credential rotation, a lost webhook and a slow writer against both\n"+
			"compiled functions, on this machine alone. It takes no flags.\n")
	}
	flag.Parse()
	postgrestest.ClearEnvironment()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

// shop is the stage: an app with a database, the secret that follows it, and a
// consumer of the secret.
type shop struct {
	*stacktest.Stack
	story    *story
	app      *herokutest.App
	addon    *herokutest.AddOn
	db       *postgrestest.Database
	secret   string // its ARN
	consumer *consumer
	watcher  *watcher
}

const secretName = "shop/database"

func run(ctx context.Context) (err error) {
	story := newStory(os.Stdout)
	s, end, err := open(ctx, story)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	for _, chapter := range []func(context.Context, *shop) (line, error){firstPoll, rotation, lostWebhook, slowWriter} {
		line, err := chapter(ctx, s)
		if err != nil {
			return err
		}
		story.add(line)
	}
	s.consumer.stop()
	s.watcher.stop()
	return story.end(s)
}

// open builds the stage.
func open(ctx context.Context, story *story) (_ *shop, end func() error, err error) {
	dir, err := os.MkdirTemp("", "keepcurrent-demo-")
	if err != nil {
		return nil, nil, err
	}
	end = func() error { return os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			err = errors.Join(err, end())
		}
	}()
	story.progress("compiling the webhook and the poller")
	if err := stacktest.Build(ctx, dir); err != nil {
		return nil, nil, err
	}
	story.progress("starting Heroku, Secrets Manager and Lambda")
	stack, err := stacktest.Start(ctx, stacktest.Config{Functions: dir})
	if err != nil {
		return nil, nil, err
	}
	end = func() error { return errors.Join(stack.Close(), os.RemoveAll(dir)) }
	story.progress("starting a Postgres server with TLS")
	db, err := stack.Database(ctx)
	if err != nil {
		return nil, nil, err
	}
	app := stack.Heroku.CreateApp("shop")
	s := &shop{Stack: stack, story: story, app: app, addon: stack.Heroku.Provision(app, db), db: db}
	if err := stack.Subscribe(ctx, app.Name); err != nil {
		return nil, nil, err
	}
	story.stage(s)
	return s, end, nil
}

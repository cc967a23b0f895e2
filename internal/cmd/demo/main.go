// Demo shows what keepcurrent does, on this machine: it runs a real Postgres, test servers
// for Heroku and Secrets Manager, both compiled functions, and a consumer that is down as
// long as the secret is wrong. It exits with code 1 if the promise was broken.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"time"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/stacktest"
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run ./internal/cmd/demo   (shows a rotation, a lost webhook, a consumer's call and a slow writer; no flags)")
	}
	flag.Parse()
	postgrestest.ClearEnvironment()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := run(ctx, os.Stdout); err != nil {
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
	tasks    sync.WaitGroup // of the consumer and the watcher
}

const secretName = "shop/database"

func run(ctx context.Context, out io.Writer) (err error) {
	s := &shop{story: newStory(out)}
	functions, err := os.MkdirTemp("", "keepcurrent-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(functions)) }()
	s.story.tell("compiling the webhook and the poller …")
	if err := stacktest.Build(ctx, functions); err != nil {
		return err
	}
	s.story.tell("starting Heroku, Secrets Manager and Lambda …")
	if s.Stack, err = stacktest.Start(ctx, stacktest.Config{Functions: functions}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	s.story.tell("starting a Postgres server with TLS …")
	if s.db, err = s.Database(ctx); err != nil {
		return err
	}
	s.app = s.Heroku.CreateApp("shop")
	s.addon = s.Heroku.Provision(s.app, s.db)
	if err := s.Subscribe(ctx, s.app.Name); err != nil {
		return err
	}
	s.story.stage(s)
	if err := s.play(ctx); err != nil {
		return err
	}
	return s.story.end(s)
}

// play plays the chapters. When it returns, the consumer and the watcher have ended.
func (s *shop) play(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.tasks.Wait()
	defer cancel()
	for _, chapter := range []func(context.Context, *shop) (line, error){firstPoll, rotation, lostWebhook, consumerCalls, slowWriter} {
		line, err := chapter(ctx, s)
		if err != nil {
			return err
		}
		s.story.lines = append(s.story.lines, line)
	}
	return nil
}

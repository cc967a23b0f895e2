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
	"time"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/stacktest"
)

func main() {
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "usage: go run ./internal/cmd/demo\n\n"+
			"Plays a credential rotation, a lost webhook and a slow writer against both\n"+
			"compiled functions, on this machine alone. It takes no flags.\n")
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
	functions string // the folder of the compiled functions
	story     *story
	app       *herokutest.App
	addon     *herokutest.AddOn
	db        *postgrestest.Database
	secret    string // its ARN
	consumer  *consumer
	watcher   *watcher
}

const secretName = "shop/database"

func run(ctx context.Context, out io.Writer) (err error) {
	s := &shop{story: newStory(out)}
	defer func() { err = errors.Join(err, s.takeDown()) }()
	if err := s.build(ctx); err != nil {
		return err
	}
	for _, chapter := range []func(context.Context, *shop) (line, error){firstPoll, rotation, lostWebhook, slowWriter} {
		line, err := chapter(ctx, s)
		if err != nil {
			return err
		}
		s.story.add(line)
	}
	s.consumer.stop()
	s.watcher.stop()
	return s.story.end(s)
}

// build makes the parts of the shop. If it fails, the parts made so far remain, for
// takeDown.
func (s *shop) build(ctx context.Context) (err error) {
	if s.functions, err = os.MkdirTemp("", "keepcurrent-demo-"); err != nil {
		return err
	}
	s.story.progress("compiling the webhook and the poller")
	if err := stacktest.Build(ctx, s.functions); err != nil {
		return err
	}
	s.story.progress("starting Heroku, Secrets Manager and Lambda")
	if s.Stack, err = stacktest.Start(ctx, stacktest.Config{Functions: s.functions}); err != nil {
		return err
	}
	s.story.progress("starting a Postgres server with TLS")
	if s.db, err = s.Database(ctx); err != nil {
		return err
	}
	s.app = s.Heroku.CreateApp("shop")
	s.addon = s.Heroku.Provision(s.app, s.db)
	if err := s.Subscribe(ctx, s.app.Name); err != nil {
		return err
	}
	s.story.stage(s)
	return nil
}

// takeDown ends all parts that were built.
func (s *shop) takeDown() (err error) {
	if s.consumer != nil {
		s.consumer.stop()
	}
	if s.watcher != nil {
		s.watcher.stop()
	}
	if s.Stack != nil {
		err = s.Stack.Close()
	}
	return errors.Join(err, os.RemoveAll(s.functions))
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/lambdatest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// askLocal starts a stack on this machine with a binding in each state, and returns the
// poller's answer to a dry run.
func askLocal(ctx context.Context) (answer io.Reader, err error) {
	dir, err := os.MkdirTemp("", "keepcurrent-status-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := stacktest.Build(ctx, dir); err != nil {
		return nil, err
	}
	stack, err := stacktest.Start(ctx, stacktest.Config{Functions: dir, SelfSubscribe: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stack.Close()) }()
	if err := stage(ctx, stack); err != nil {
		return nil, err
	}
	raw, err := stack.Poller.Invoke(ctx, []byte(`{"dryRun":true}`))
	if failure, ok := errors.AsType[*lambdatest.FunctionError](err); ok {
		raw, err = failure.Raw, nil // as the AWS CLI does
	}
	return bytes.NewReader(raw), err
}

// stage makes four bindings that a poll fills, changes three of them afterwards, and adds
// two that no poll would fill.
func stage(ctx context.Context, stack *stacktest.Stack) error {
	shop, err := provision(ctx, stack, "shop")
	if err != nil {
		return err
	}
	blog, err := provision(ctx, stack, "blog")
	if err != nil {
		return err
	}
	forum, err := provision(ctx, stack, "forum")
	if err != nil {
		return err
	}
	ledger := stack.Heroku.CreateApp("ledger")
	ledger.Set("REPORTS_URL", shop.db.URL())
	if _, err := stack.Bind(ctx, "ledger", "ledger/reports", "heroku:config-var=REPORTS_URL"); err != nil {
		return err
	}
	if err := firstPoll(ctx, stack); err != nil {
		return err
	}

	stack.Heroku.SetPolicy(herokutest.Policy{Drop: true}) // or the webhook would repair it
	ledger.Set("REPORTS_URL", withPassword(shop.db.URL(), "wrong-EXAMPLE"))
	stack.Heroku.CreateApp("museum")
	_, museum := stack.Bind(ctx, "museum", "museum/database", "heroku:sync=off")
	_, wiki := stack.Bind(ctx, "shop", "wiki/database", "heroku:format=yaml")
	return errors.Join(museum, wiki,
		blog.addon.Rotate(ctx),
		unsubscribe(ctx, stack, "blog"),
		forum.db.Rotate(ctx), // and Heroku does not know
	)
}

// tenant is an app's database, and Heroku's view of it.
type tenant struct {
	db    *postgrestest.Database
	addon *herokutest.AddOn
}

// provision makes an app with a database, and a secret that follows it.
func provision(ctx context.Context, stack *stacktest.Stack, app string) (tenant, error) {
	db, err := stack.Database(ctx)
	if err != nil {
		return tenant{}, err
	}
	addon := stack.Heroku.Provision(stack.Heroku.CreateApp(app), db)
	_, err = stack.Bind(ctx, app, app+"/database")
	return tenant{db, addon}, err
}

// firstPoll fills the four secrets and subscribes to their apps.
func firstPoll(ctx context.Context, stack *stacktest.Stack) error {
	// A webhook is dated in whole seconds, and one that is not younger than the
	// signing key counts as one with another key.
	if err := nextSecond(ctx); err != nil {
		return err
	}
	report, err := stack.Poll(ctx)
	if err != nil {
		return fmt.Errorf("the first poll: %w", err)
	}
	if report.Published != 4 {
		return fmt.Errorf("the first poll published %d secrets of 4", report.Published)
	}
	return nil
}

func nextSecond(ctx context.Context) error {
	now := time.Now()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(now.Truncate(time.Second).Add(time.Second).Sub(now)):
		return nil
	}
}

func unsubscribe(ctx context.Context, stack *stacktest.Stack, app string) error {
	list, err := stack.Platform.AppWebhookList(ctx, app, nil)
	for _, w := range list {
		_, gone := stack.Platform.AppWebhookDelete(ctx, app, w.ID)
		err = errors.Join(err, gone)
	}
	return err
}

func withPassword(text, password string) string {
	u, err := url.Parse(text)
	if err != nil {
		panic("the database's URL is none") // and the error would quote it
	}
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String()
}

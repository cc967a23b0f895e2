package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"keepcurrent.example/internal/testserver/herokutest"
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
	return bytes.NewReader(raw), err
}

// stage makes five bindings that a poll fills, two of them of one secret, changes three of
// them afterwards, and adds two that no poll would fill.
func stage(ctx context.Context, stack *stacktest.Stack) error {
	apps, dbs, addons := map[string]*herokutest.App{}, map[string]*postgrestest.Database{}, map[string]*herokutest.AddOn{}
	secrets := map[string][]string{ // with their tags
		"shop/database":  {},
		"forum/database": {},
		"blog/settings":  {"heroku:format=key", "heroku:config-var=DATABASE_URL REPORTS_URL", "heroku:key=db reports"},
	}
	for secret, tags := range secrets {
		app, _, _ := strings.Cut(secret, "/")
		db, err := stack.Database(ctx)
		if err != nil {
			return err
		}
		apps[app], dbs[app] = stack.Heroku.CreateApp(app), db
		addons[app] = stack.Heroku.Provision(apps[app], db)
		if _, err := stack.Bind(ctx, app, secret, tags...); err != nil {
			return err
		}
	}
	reports := dbs["shop"].URL()
	addons["blog"].AttachCredential("REPORTS", "analyst", dbs["shop"])
	ledger := stack.Heroku.CreateApp("ledger")
	ledger.Set("REPORTS_URL", reports)
	if _, err := stack.Bind(ctx, "ledger", "ledger/reports", "heroku:config-var=REPORTS_URL"); err != nil {
		return err
	}
	// A webhook is dated in whole seconds, and one that is not younger than the signing
	// key counts as one with another key.
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
	if report, err := stack.Poll(ctx); err != nil || report.Published != 5 {
		return fmt.Errorf("the first poll published %d bindings of 5, error %v", report.Published, err)
	}

	stack.Heroku.SetPolicy(herokutest.Policy{Drop: true}) // or the webhook would repair it
	ledger.Set("REPORTS_URL", strings.Replace(reports, "@", "-wrong-EXAMPLE@", 1))
	stack.Heroku.CreateApp("museum")
	_, museum := stack.Bind(ctx, "museum", "museum/database", "heroku:sync=off")
	_, wiki := stack.Bind(ctx, "shop", "wiki/database", "heroku:format=yaml")
	webhooks, err := stack.Platform.AppWebhookList(ctx, "blog", nil)
	if err == nil {
		_, err = stack.Platform.AppWebhookDelete(ctx, "blog", webhooks[0].ID)
	}
	return errors.Join(museum, wiki, err,
		addons["blog"].Rotate(ctx),
		dbs["forum"].Rotate(ctx), // and Heroku does not know
	)
}

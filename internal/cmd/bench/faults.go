package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/stacktest"
)

const (
	faultRuns = 3
	lateBy    = 4 * time.Second
)

// fault is a fault of one call, with a variant for each of the remotes that can have it.
type fault struct {
	name   string
	aws    secretstest.Fault
	heroku herokutest.Fault
	login  postgrestest.Fault
}

// Heroku's rate limit is not among them: it ends a run, and no retry would help.
var faults = []fault{
	{"hangs", secretstest.Hang, herokutest.Hang(), postgrestest.Hang},
	{fmt.Sprintf("%.0f s late", lateBy.Seconds()), secretstest.Delay(lateBy), delay(lateBy), lateLogin},
	{"reset", secretstest.Reset, herokutest.Drop(), postgrestest.Reset},
	{"500", secretstest.Fail(500, "InternalServiceError"), herokutest.Refuse(500, "internal_server_error"), postgrestest.Answer("57P03")},
	{"throttled", secretstest.Fail(400, "ThrottlingException"), nil, nil},
}

// delay answers after d, unless the client gives up first.
func delay(d time.Duration) herokutest.Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(d):
				next.ServeHTTP(w, r)
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			}
		})
	}
}

func lateLogin(client net.Conn, serve func(net.Conn)) {
	time.Sleep(lateBy)
	serve(client)
}

// victim is a remote call of the webhook's path.
type victim struct {
	name string
	cold bool // only a run that starts cold makes it
	// spoil gives the next such call a fault; heal ends that. It is nil if the call cannot
	// have the fault.
	spoil func(*rig, fault) (heal func())
	took  map[string]sample // by fault
}

func victims() []*victim {
	return []*victim{
		{name: "`DescribeSecret`", spoil: ofAWS("DescribeSecret", boundSecret)},
		{name: "config vars", spoil: ofHeroku},
		{name: "`PutSecretValue`", spoil: ofAWS("PutSecretValue", boundSecret)},
		{name: "login", spoil: ofLogin},
		{name: "`UpdateSecretVersionStage`", spoil: ofAWS("UpdateSecretVersionStage", boundSecret)},
		{name: "cold: signing key", cold: true, spoil: ofAWS("GetSecretValue", stacktest.SigningSecret)},
		{name: "cold: token", cold: true, spoil: ofAWS("GetSecretValue", stacktest.TokenSecret)},
		{name: "cold: `ListSecrets`", cold: true, spoil: ofAWS("ListSecrets", "")},
		{name: "cold: value that is there", cold: true, spoil: ofAWS("GetSecretValue", boundSecret)},
	}
}

func ofAWS(action, secret string) func(*rig, fault) func() {
	return func(r *rig, f fault) func() {
		next := f.aws
		r.Secrets.Intercept(func(c secretstest.Call) (now secretstest.Fault) {
			if c.Action == action && strings.Contains(c.SecretID, secret) {
				now, next = next, nil
			}
			return now
		})
		return func() { r.Secrets.Intercept(nil) }
	}
}

func ofHeroku(r *rig, f fault) func() {
	if f.heroku == nil {
		return nil
	}
	return r.Heroku.Wrap(herokutest.On("GET /apps/{app}/config-vars", herokutest.Times(1, f.heroku)))
}

func ofLogin(r *rig, f fault) func() {
	if f.login == nil {
		return nil
	}
	next := f.login
	r.db.Intercept(func() (now postgrestest.Fault) {
		now, next = next, nil
		return now
	})
	return func() { r.db.Intercept(nil) }
}

// oneFault measures what one fault of one call adds to a run. Runs with and without a
// fault alternate.
func (b *bench) oneFault(ctx context.Context, r *rig) error {
	all := victims()
	quiet := map[bool]sample{} // by victim.cold
	for range faultRuns {
		for _, v := range all {
			if err := r.rebind(ctx); err != nil {
				return err
			}
			for _, f := range faults {
				took, err := v.run(ctx, r, nil)
				if err != nil {
					return err
				}
				quiet[v.cold] = append(quiet[v.cold], took)
				if took, err = v.run(ctx, r, &f); err != nil {
					return fmt.Errorf("%s, %s: %w", v.name, f.name, err)
				}
				if v.took == nil {
					v.took = make(map[string]sample)
				}
				if took > 0 {
					v.took[f.name] = append(v.took[f.name], took)
				}
			}
		}
	}
	b.faultTable(all, quiet)
	return nil
}

// run returns the time until AWSCURRENT has moved, in a run with the fault, if there is
// one; 0 if the call cannot have it.
func (v *victim) run(ctx context.Context, r *rig, f *fault) (took time.Duration, err error) {
	if v.cold {
		r.Webhook.Kill()
	}
	if f != nil {
		heal := v.spoil(r, *f)
		if heal == nil {
			return 0, nil
		}
		defer heal()
	}
	took, _, err = r.follow(ctx, r.binding, r.announce(r.binding))
	return took, err
}

func (b *bench) faultTable(all []*victim, quiet map[bool]sample) {
	head := []string{"call"}
	for _, f := range faults {
		head = append(head, f.name)
	}
	var rows [][]string
	for _, v := range all {
		row := []string{v.name}
		for _, f := range faults {
			cell := "–"
			if took := v.took[f.name]; len(took) > 0 {
				more := took.median() - quiet[v.cold].median()
				cell = fmt.Sprintf("%+.2f", max(more, 0).Seconds()) // less is noise
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	b.table("One fault of one call: seconds more until AWSCURRENT", head, rows,
		fmt.Sprintf("Medians of %d runs, beside runs without a fault: %s warm, %s cold. A login's 500 is SQLSTATE 57P03. "+
			"Aims: 1.5 s at most if a call hangs or is late, 0.3 s after a reset or a 500, 0.6 s if throttled.",
			faultRuns, ms(quiet[false].median()), ms(quiet[true].median())))
}

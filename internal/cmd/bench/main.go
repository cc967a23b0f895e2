// Bench measures what the project claims about its speed, beside other ways to do the
// same, in one run on one machine. It prints the results, and with -write puts them into
// docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"keepcurrent.example/internal/testserver/lambdatest"
	"keepcurrent.example/internal/testserver/postgrestest"
)

const usage = `usage: go run ./internal/cmd/bench [-write] [-only parts]

Measures, on this machine alone:

  - how long the functions take to start
  - the time from a request to AWSCURRENT
  - what one fault of one remote call adds to it
  - the same if the webhook is lost: a consumer's call, a poll, a cron job
  - the same with what people use today: the heroku and aws commands, and Python with
    boto3, if they are installed
  - a poll of 1,000 apps that have not changed

It needs a Postgres server installed, and takes about eight minutes.

  -write  put the figures into docs/performance.md
  -only   measure some parts: start,path,faults,lost,poller
`

func main() {
	write := flag.Bool("write", false, "")
	only := flag.String("only", "", "")
	flag.Usage = func() { fmt.Fprint(flag.CommandLine.Output(), usage) }
	flag.Parse()
	if flag.NArg() > 0 || *write && *only != "" {
		flag.Usage()
		os.Exit(2)
	}
	postgrestest.ClearEnvironment()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	if err := run(ctx, *write, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	page
	dir   string // of the programs
	start sample // of the webhook, from exec to the first poll of the Runtime API
	ways  []way  // for the picture
}

func run(ctx context.Context, write bool, only string) (err error) {
	began := time.Now()
	b := &bench{}
	if b.dir, err = os.MkdirTemp("", "keepcurrent-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	for _, part := range []struct {
		name    string
		measure func(context.Context) error
	}{
		{"compile", b.compile},
		{"start", b.coldStart},
		{"path", b.withRig(b.criticalPath, b.compare)},
		{"faults", b.withRig(b.oneFault)},
		{"lost", b.withRig(b.lost)},
		{"poller", b.poller},
	} {
		if only != "" && part.name != "compile" && !slices.Contains(strings.Split(only, ","), part.name) {
			continue
		}
		b.say("%s", part.name)
		if err := part.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	b.say("done in %s", time.Since(began).Round(time.Second))
	if write {
		return b.publish()
	}
	return nil
}

func (b *bench) compile(ctx context.Context) error {
	for _, pkg := range []string{"functions/webhook", "functions/poller", "internal/cmd/bench/empty"} {
		if _, err := lambdatest.Build(ctx, b.dir, "keepcurrent.example/"+pkg); err != nil {
			return err
		}
	}
	return nil
}

// withRig returns what measures with the remotes at their distances.
func (b *bench) withRig(parts ...func(context.Context, *rig) error) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		r, err := newRig(ctx, b.dir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.close()) }()
		for _, measure := range parts {
			if err := measure(ctx, r); err != nil {
				return err
			}
		}
		return nil
	}
}

func (b *bench) say(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", values...)
}

// skip says what was not measured and why.
func (b *bench) skip(what, why string) {
	b.say("skipped: %s: %s", what, why)
	fmt.Fprintf(b, "Not measured: %s (%s).\n\n", what, why)
}

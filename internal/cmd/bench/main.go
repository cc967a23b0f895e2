// Bench measures what the project claims about its speed, and the other common ways, in
// one run on one machine. It writes the results to the standard output, and with -write
// into docs/performance.md and its picture.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"keepcurrent.example/internal/testserver/lambdatest"
	"keepcurrent.example/internal/testserver/postgrestest"
)

const usage = `usage: go run ./internal/cmd/bench -write   measures everything and writes it down
       go run ./internal/cmd/bench [PART]  measures everything, or one part, and shows it

Measures, on this machine alone, as a PART of it:

  start      how long the functions take to start
  path       the way from a request to AWSCURRENT, and what people use today: the
             heroku and aws commands, Python with boto3, as far as installed
  signature  how fast a signature is checked
  poller     rounds over 1,000 apps, at rest and after all have changed

It needs a Postgres server installed, and takes about four minutes.

  -write  put the figures into docs/performance.md and docs/img/performance.svg
`

func main() {
	write := flag.Bool("write", false, "")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
	}
	flag.Parse()
	if flag.NArg() > 1 || *write && flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	postgrestest.ClearEnvironment()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	if err := run(ctx, flag.Arg(0), *write); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	page
	dir   string // of the programs
	start sample // of the webhook, from exec to the first poll of the Runtime API
	// from a request to AWSCURRENT
	warm, cold sample
	// of a consumer: started again, and by reading the secret again
	restart, reread sample
	cron            sample // of the commands that people use, if they are installed
	ways            []way
}

// run measures all parts, or the one that is named.
func run(ctx context.Context, only string, write bool) (err error) {
	began := time.Now()
	b := &bench{}
	parts, err := b.parts(only)
	if err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "keepcurrent-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := b.compile(ctx); err != nil {
		return err
	}
	for _, p := range parts {
		b.say("%s", p.what)
		if err := p.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.what, err)
		}
	}
	b.say("done in %s", time.Since(began).Round(time.Second))
	if write {
		return b.publish()
	}
	return nil
}

// part is what can be measured alone.
type part struct {
	name, what string
	measure    func(context.Context) error
}

// parts are all, or those that the named one needs.
func (b *bench) parts(only string) ([]part, error) {
	start := part{"start", "cold start", b.coldStart}
	path := part{"path", "critical path, and what people use today", b.withRig}
	signature := part{"signature", "signature check", b.signature}
	poller := part{"poller", "poller, about two minutes", b.poller}
	switch only {
	case "":
		return []part{start, path, signature, poller}, nil
	case "start":
		return []part{start}, nil
	case "path": // its floor has the start in it
		return []part{start, path}, nil
	case "signature":
		return []part{signature}, nil
	case "poller":
		return []part{poller}, nil
	}
	return nil, fmt.Errorf("there is no part %q: see -h", only)
}

func (b *bench) compile(ctx context.Context) error {
	b.say("compiling")
	for _, pkg := range []string{"functions/webhook", "functions/poller", "internal/cmd/bench/empty", "internal/cmd/bench/allocs", "internal/cmd/bench/consumer"} {
		if _, err := lambdatest.Build(ctx, b.dir, "keepcurrent.example/"+pkg); err != nil {
			return err
		}
	}
	return nil
}

// withRig measures what needs the remotes at their distances.
func (b *bench) withRig(ctx context.Context) (err error) {
	r, err := newRig(ctx, b.dir, usual)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := b.criticalPath(ctx, r); err != nil {
		return err
	}
	if err := b.weight(r); err != nil {
		return err
	}
	if err := b.beside(ctx, r); err != nil {
		return err
	}
	return b.consumers(ctx, r)
}

func (b *bench) bootstrap(name string) string { return filepath.Join(b.dir, name, "bootstrap") }

func (b *bench) say(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", values...)
}

// skip says what was not measured and why.
func (b *bench) skip(what, why string) {
	b.say("skipped: %s: %s", what, why)
	fmt.Fprintf(b, "Not measured: %s (%s).\n\n", what, why)
}

// environment is this process's environment without the variables of AWS and Heroku, and
// with invalid credentials.
func environment() []string {
	env := []string{"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=EXAMPLE", "AWS_SECRET_ACCESS_KEY=EXAMPLE", "AWS_EC2_METADATA_DISABLED=true"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LANG"} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return append(env, "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
}

// Bench measures what the project claims about its speed, beside what people use
// today, in one run on one machine. It writes what it found to the standard output,
// and with -write into docs/performance.md and its picture.
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

	"keepcurrent.example/internal/lambdatest"
	"keepcurrent.example/internal/postgrestest"
)

func main() {
	write := flag.Bool("write", false, "put the figures into docs/performance.md and docs/img/performance.svg")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "usage: go run ./internal/bench [-write] [start|path|signature|poller]\n\n"+
			"Measures, on this machine alone, the way from a request to AWSCURRENT, the cold\n"+
			"start, the poller and the signature check, and what people use today (the heroku\n"+
			"and aws commands, Python with boto3), as far as it is installed. It takes about\n"+
			"three minutes; one part alone takes less, and is not written.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
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
	// from a request to AWSCURRENT; reconnected is warm, with its connections closed
	warm, cold, reconnected sample
	restart, reread         sample // of a consumer: started again, and by reading the secret again
	cron                    sample // of the commands that people use, if they are installed
	ways                    []way
}

// run does all parts, or the one that is named.
func run(ctx context.Context, only string, write bool) (err error) {
	began := time.Now()
	b := &bench{}
	if b.dir, err = os.MkdirTemp("", "keepcurrent-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	b.say("compiling")
	for _, pkg := range []string{"functions/webhook", "functions/poller", "internal/bench/empty", "internal/bench/allocs", "internal/bench/consumer"} {
		if _, err := lambdatest.Build(ctx, b.dir, "keepcurrent.example/"+pkg); err != nil {
			return err
		}
	}
	known := only == ""
	for _, part := range []struct {
		name, what string
		measure    func(context.Context) error
	}{
		{"start", "cold start", b.coldStart},
		{"path", "critical path, and what people use today", b.withRig},
		{"signature", "signature check", b.signature},
		{"poller", "poller, about two minutes", b.poller},
	} {
		if only != "" && only != part.name && !(only == "path" && part.name == "start") { // the path's floor has the start in it
			continue
		}
		known = true
		b.say("%s", part.what)
		if err := part.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.what, err)
		}
	}
	if !known {
		return fmt.Errorf("there is no part %q: see -h", only)
	}
	b.say("done in %s", time.Since(began).Round(time.Second))
	if write && only == "" {
		return b.publish()
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

// environment is that of this process without what it says of AWS and Heroku, with
// credentials that are none.
func environment() []string {
	env := []string{"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=EXAMPLE", "AWS_SECRET_ACCESS_KEY=EXAMPLE", "AWS_EC2_METADATA_DISABLED=true"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LANG"} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return append(env, "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
}

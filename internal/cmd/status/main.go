// Status prints the state of every binding as a table, problems first. It reads the
// poller's answer to {"dryRun": true} from stdin, or asks a stack that it starts on this
// machine.
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

	"keepcurrent.example/internal/testserver/postgrestest"
)

const usage = `usage: go run ./internal/cmd/status [-all]     reads the poller's answer from stdin
       go run ./internal/cmd/status -local    asks a stack on this machine

Prints how every binding is, from the poller's answer to {"dryRun": true}. Nothing
is changed by asking. "make status STACK=name" asks a deployed stack; -local starts
one on this machine, with a binding in each state.

  -all    list every line; without it, 40 of a kind
  -local  ask a stack on this machine; it needs a Postgres server installed

Exit code: 0 if no binding needs you, with -local 0 if there is a table; otherwise 1.
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("status", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {}
	all := flags.Bool("all", false, "")
	local := flags.Bool("local", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err != nil || flags.NArg() > 0 || !*local && isTerminal(stdin):
		fmt.Fprint(stderr, usage)
		return 1
	}
	if *local {
		fmt.Fprintln(stderr, "starting Heroku, Secrets Manager, Postgres and both functions on this machine …")
		postgrestest.ClearEnvironment()
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		var err error
		if stdin, err = askLocal(ctx); err != nil {
			fmt.Fprintln(stderr, "status:", err)
			return 1
		}
	}
	a, err := read(stdin)
	if err != nil {
		fmt.Fprintln(stderr, "status:", err)
		return 1
	}
	page{out: stdout, all: *all}.print(a)
	if *local || a.isWell() {
		return 0
	}
	return 1
}

// isTerminal reports whether the input is a terminal, and not a pipe or a file.
func isTerminal(input io.Reader) bool {
	file, ok := input.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Status prints the state of every binding as a table, problems first. It asks the poller of
// a stack on AWS, or of one that it starts on this machine, or reads the poller's answer to
// {"dryRun": true} from stdin.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"keepcurrent.example/internal/cmd/awscli"
	"keepcurrent.example/internal/testserver/postgrestest"
)

const usage = `usage: status STACK=name [-all]  asks the poller of that stack, with the AWS CLI
       status -local             asks a stack on this machine, with secrets that are made up
       status [-all]             reads the poller's answer from stdin

Prints how every binding is, from the poller's answer to {"dryRun": true}. Nothing
is changed by asking. -local starts a stack with a binding in each state, for which
it needs a Postgres server, or npm to fetch one. -all lists every line; without it, 40
of a kind.

Exit code: 0 if nothing needs you (with -local, if there is a table), 1 if a secret or
a webhook needs you, 2 if the poller could not be asked: no such stack, no tool, no
answer, or words that are not understood.
`

// The exit codes.
const (
	well     = 0
	needsYou = 1
	notAsked = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var stack string
	if len(args) > 0 {
		if name, given := strings.CutPrefix(args[0], "STACK="); given {
			stack, args = name, args[1:]
			if !awscli.IsStackName(stack) {
				fmt.Fprintf(stderr, "status: STACK=%q: %s\n", stack, awscli.BadStackName)
				return notAsked
			}
		}
	}
	flags := flag.NewFlagSet("status", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {}
	all := flags.Bool("all", false, "")
	local := flags.Bool("local", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return well
	case err != nil || flags.NArg() > 0 || *local && stack != "" || !*local && stack == "" && isTerminal(stdin):
		fmt.Fprint(stderr, usage)
		return notAsked
	}
	input, err := stdin, error(nil)
	switch {
	case *local:
		fmt.Fprintln(stderr, "starting Heroku, Secrets Manager, Postgres and both functions on this machine …")
		postgrestest.ClearEnvironment()
		within, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		input, err = askLocal(within)
	case stack != "":
		input, err = ask(ctx, stack)
	}
	var a answer
	if err == nil {
		a, err = read(input)
	}
	if err != nil {
		fmt.Fprintln(stderr, "status:", err)
		return notAsked
	}
	page{out: stdout, all: *all, stack: stack}.print(a)
	if *local {
		fmt.Fprintln(stdout, "\nThese secrets are made up, and gone again: no command above is for you.\nmake status STACK=name asks your stack, and fails if something needs you.")
	}
	if *local || a.isWell() {
		return well
	}
	return needsYou
}

// ask returns the answer of a stack's poller to a dry run.
func ask(ctx context.Context, stack string) (io.Reader, error) {
	poller, err := awscli.Poller(ctx, stack)
	if err != nil {
		return nil, err
	}
	answer, err := awscli.Invoke(ctx, poller, `{"dryRun":true}`)
	return bytes.NewReader(answer), err
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

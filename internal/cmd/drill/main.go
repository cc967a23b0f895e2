// Drill proves a deployed stack on live accounts: it makes a Heroku app and a secret of its
// own, changes a config var in every way that matters, measures, and removes what it has
// made. docs/live.md says how to read what it prints.
package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/credential"
)

const usage = `usage: make drill STACK=name           (with DRILL="-database -yes" for flags)
       go run ./internal/cmd/drill -stack name [flags]

Tries a deployed stack on your AWS and Heroku accounts, measures it, and removes what
it has made. docs/live.md says what each check means, what it costs and which rights
it needs.

It reads the Heroku token from HEROKU_API_KEY (heroku auth:token prints yours), and
the AWS credentials and Region as the AWS SDK does. It needs the AWS CLI.

  -stack name          the stack of CloudFormation
  -yes                 do not ask
  -only a,b            only these checks, and subscribe if they need it:
                       %s
  -rounds n            how often a change is measured (default 20, at most 60)
  -database            make a Heroku Postgres too, and rotate its credential
  -rotate-key          change the signing key of the whole stack
  -pause               pause the whole stack for a few minutes
  -collaborator email  the stack's Heroku user, if it is not yours
  -json file           where the report goes (default drill-TIME.json)

Without a stack, on one machine:
  -webhook-url url     the webhook's address
  -signing-key id      the secret with the signing key
  -poll duration       from one poll to the next (default 1m)
  -patience duration   how long to wait for anything (default 1m)

Exit status: 0 if nothing failed, 1 if a check failed or something is left behind,
2 if the drill could not run or was interrupted.
`

// options are the command line.
type options struct {
	stack, only, collaborator, report, webhookURL, signingKey string
	yes, database, rotateKey, pause                           bool
	rounds                                                    int
	poll, patience                                            time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the program at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, in io.Reader, out, complaints io.Writer) int {
	o, chosen, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(out, usage, names(checks))
		return 0
	}
	if err != nil {
		fmt.Fprintf(complaints, "drill: %v\n\n", err)
		fmt.Fprintf(complaints, usage, names(checks))
		return 2
	}
	d, err := open(ctx, o, out)
	if err == nil {
		err = d.start(ctx, o, bufio.NewReader(in))
	}
	if err != nil {
		fmt.Fprintln(complaints, "drill:", err)
		return 2
	}
	return d.drill(ctx, chosen, cmp.Or(o.report, "drill-"+d.mark+".json"), complaints)
}

// parse reads the command line.
func parse(args []string) (o options, chosen []check, err error) {
	flags := flag.NewFlagSet("drill", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.stack, "stack", "", "")
	flags.StringVar(&o.only, "only", "", "")
	flags.StringVar(&o.collaborator, "collaborator", "", "")
	flags.StringVar(&o.report, "json", "", "")
	flags.StringVar(&o.webhookURL, "webhook-url", "", "")
	flags.StringVar(&o.signingKey, "signing-key", "", "")
	flags.BoolVar(&o.yes, "yes", false, "")
	flags.BoolVar(&o.database, "database", false, "")
	flags.BoolVar(&o.rotateKey, "rotate-key", false, "")
	flags.BoolVar(&o.pause, "pause", false, "")
	flags.IntVar(&o.rounds, "rounds", 20, "")
	flags.DurationVar(&o.poll, "poll", time.Minute, "")
	flags.DurationVar(&o.patience, "patience", time.Minute, "")
	if err := flags.Parse(args); err != nil {
		return o, nil, err
	}
	chosen, err = choose(o.only)
	switch {
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("%s is not understood", flags.Arg(0))
	case (o.stack == "") == (o.webhookURL == ""):
		err = errors.New("say which stack: make drill STACK=name")
	case o.rounds < 1 || o.rounds > maxRounds:
		err = fmt.Errorf("-rounds must be from 1 to %d", maxRounds)
	case os.Getenv("HEROKU_API_KEY") == "":
		err = errors.New(`there is no Heroku token: export HEROKU_API_KEY="$(heroku auth:token)"`)
	}
	return o, chosen, err
}

// maxRounds keeps the secret's versions below a hundred, of which AWS keeps no more for a
// day (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
const maxRounds = 60

// choose returns the checks that a list names, in their order, and "subscribe" if one of
// them needs it. All of them are chosen without a list.
func choose(only string) (chosen []check, err error) {
	if only == "" {
		return checks, nil
	}
	named := make(map[string]bool)
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(checks, func(c check) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no check %s", name)
		}
		named[name] = true
		named["subscribe"] = named["subscribe"] || !checks[i].alone
	}
	return slices.DeleteFunc(slices.Clone(checks), func(c check) bool { return !named[c.name] }), nil
}

func names(checks []check) string {
	var all []string
	for _, c := range checks {
		all = append(all, c.name)
	}
	return strings.Join(all, " ")
}

// open finds the stack.
func open(ctx context.Context, o options, out io.Writer) (*drill, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("AWS's settings: %w", err)
	}
	if cfg.Region == "" {
		return nil, errors.New("AWS has no Region: export AWS_REGION=eu-west-1 (yours)")
	}
	now := time.Now().UTC()
	token := os.Getenv("HEROKU_API_KEY")
	os.Unsetenv("HEROKU_API_KEY") // the programs that the drill starts need none
	d := &drill{
		heroku: &herokuAPI{
			url: cmp.Or(os.Getenv("HEROKU_API_URL"), "https://api.heroku.com"), token: credential.New(token), client: &http.Client{Timeout: 30 * time.Second},
		},
		dataURL: cmp.Or(os.Getenv("HEROKU_DATA_URL"), "https://api.data.heroku.com"),
		// A race of 20 can be throttled.
		secrets: secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) { o.RetryMaxAttempts = 10 }),
		stack:   target{WebhookURL: o.webhookURL, SigningKey: o.signingKey},
		pace:    livePace(o.poll, o.rounds), began: now, mark: now.Format(markLayout), out: out,
		rotateKey: o.rotateKey, mayPause: o.pause, database: o.database, collaborator: o.collaborator,
		hide: []string{token}, password: "EXAMPLE" + rand.Text(), known: make(map[string]string),
	}
	d.hide = append(d.hide, d.password)
	if o.stack != "" {
		d.cloud = &cloud{stack: o.stack, region: cfg.Region}
		if err := d.cloud.describe(ctx); err != nil {
			return nil, err
		}
		if d.stack, err = d.cloud.target(); err != nil {
			return nil, err
		}
		d.pace.poll = d.cloud.poll()
	}
	if o.stack == "" { // one machine is faster than two clouds
		d.pace.list, d.pace.deliver, d.pace.settle, d.pace.retry, d.pace.tick = o.patience, o.patience, o.patience/20, o.patience/20, 20*time.Millisecond
	}
	if o.stack != "" || os.Getenv("AWS_ENDPOINT_URL_EVENTBRIDGE") != "" {
		d.events = eventbridge.NewFromConfig(cfg)
	}
	return d, nil
}

// start offers to remove what an earlier drill has left, says what is to come, and asks.
func (d *drill) start(ctx context.Context, o options, in *bufio.Reader) error {
	left, err := d.leftovers(ctx)
	if err != nil {
		return err
	}
	if err := d.removeLeftovers(ctx, left, o.yes, in); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "This drill makes, and removes at its end:\n"+
		"  at Heroku  the app %s%s, without a dyno, with webhooks; four tokens, for a second each\n", appPrefix, d.mark)
	if d.database {
		fmt.Fprintln(d.out, "             heroku-postgresql:essential-0, some US cents an hour; its credential is rotated", d.pace.rotate, "times")
	}
	fmt.Fprintf(d.out, "  at AWS     secrets called %s%s/…, a few at a time; some thousand requests, some US cents in all\n", secretPrefix, d.mark)
	if d.rotateKey {
		fmt.Fprintln(d.out, "It changes the signing key of the whole stack.")
	}
	if d.mayPause {
		fmt.Fprintln(d.out, "It pauses the whole stack for some minutes: meanwhile no secret of the stack follows its app.")
	}
	if d.cloud != nil {
		fmt.Fprintln(d.out, "The alarm WebhookMissed may go off, because the drill loses deliveries on purpose.")
	}
	if !o.yes && !agrees(d.out, in, "Begin? [y/N] ") {
		return errors.New("nothing was made")
	}
	return nil
}

// removeLeftovers removes what a person agrees to; unasked, what is older than any drill
// that may still run.
func (d *drill) removeLeftovers(ctx context.Context, left []leftover, unasked bool, in *bufio.Reader) error {
	if len(left) == 0 {
		return nil
	}
	fmt.Fprintln(d.out, "An earlier drill has left this, or another one is running:")
	for _, l := range left {
		fmt.Fprintf(d.out, "  %s, begun %s\n", l.what, l.began.Local().Format(time.DateTime))
	}
	if unasked {
		left = slices.DeleteFunc(left, func(l leftover) bool { return time.Since(l.began) < 2*time.Hour })
	} else if !agrees(d.out, in, "Remove it? [y/N] ") {
		left = nil
	}
	for _, l := range left {
		if err := l.run(ctx); err != nil {
			return fmt.Errorf("remove %s: %w", l.what, err)
		}
		fmt.Fprintln(d.out, "removed", l.what)
	}
	return nil
}

// agrees asks a person. The end of the input is a no.
func agrees(out io.Writer, in *bufio.Reader, question string) bool {
	fmt.Fprint(out, question)
	answer, _ := in.ReadString('\n')
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// drill makes what it needs, checks, removes everything, and returns the exit status.
func (d *drill) drill(ctx context.Context, chosen []check, file string, complaints io.Writer) int {
	err := d.prepare(ctx)
	if err == nil {
		err = d.perform(ctx, chosen)
	}
	left := d.cleanUp(ctx)
	if d.heroku.limited != "" {
		d.tell("What does a 429 look like?", "%s", d.heroku.limited)
	}
	d.table()
	if saved := d.save(file, err == nil, left == nil); saved != nil {
		left = errors.Join(left, saved)
	} else {
		fmt.Fprintln(d.out, "\nThe report is in", file)
	}
	for _, e := range []error{err, left} {
		if e != nil {
			fmt.Fprintln(complaints, "drill:", d.clean(e.Error()))
		}
	}
	switch {
	case err != nil:
		return 2
	case left != nil || slices.ContainsFunc(d.findings, func(f finding) bool { return f.Verdict == failed }):
		return 1
	}
	return 0
}

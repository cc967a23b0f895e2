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

	"keepcurrent.example/internal/cmd/awscli"
	"keepcurrent.example/internal/credential"
)

const usage = `usage: make drill [STACK=name]         (with DRILL="-database -yes" for flags)
       go run ./internal/cmd/drill -stack name [flags]

Tries a deployed stack on your AWS and Heroku accounts, measures it, and removes what
it has made. docs/live.md says what each check means, what it costs and which rights
it needs.

With make, STACK is keepcurrent unless you say another.

It reads the Heroku token from HEROKU_API_KEY (heroku auth:token prints yours), and
the AWS credentials and Region as the AWS SDK does. It needs the AWS CLI.

The checks: %s

Exit status: 0 if nothing failed, 1 if a check failed or something is left behind,
2 if the drill could not run or was interrupted.

`

// options are the command line.
type options struct {
	stack, only, collaborator, report, webhookURL, signingKey string
	yes, database, rotateKey, mayPause, useUp                 bool
	rounds                                                    int
	poll, patience                                            time.Duration
}

func (o *options) flags() *flag.FlagSet {
	f := flag.NewFlagSet("drill", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.stack, "stack", "", "the `name` of the stack of CloudFormation")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	f.StringVar(&o.only, "only", "", "only these `checks` (a,b), and those that they need")
	f.IntVar(&o.rounds, "rounds", 20, "how often a change is measured, at most 60")
	f.BoolVar(&o.database, "database", false, "make a Heroku Postgres too, and rotate its credential")
	f.BoolVar(&o.rotateKey, "rotate-key", false, "change the signing key of the whole stack")
	f.BoolVar(&o.mayPause, "pause", false, "pause the whole stack for a few minutes")
	f.BoolVar(&o.useUp, "use-up-requests", false, "use up all requests of your Heroku user, to see a 429; needs -collaborator")
	f.StringVar(&o.collaborator, "collaborator", "", "the `email` of the stack's Heroku user, if it is not yours")
	f.StringVar(&o.report, "json", "", "the `file` for the report (default drill-TIME.json)")
	f.DurationVar(&o.poll, "poll", 0, "from one poll of an app to the next, if it is not PollMinutes")
	f.StringVar(&o.webhookURL, "webhook-url", "", "the webhook's `address`, in place of -stack, for a stack on one machine")
	f.StringVar(&o.signingKey, "signing-key", "", "with -webhook-url: the `secret` with the signing key")
	f.DurationVar(&o.patience, "patience", time.Minute, "with -webhook-url: how long to wait for anything")
	return f
}

func (o *options) help(out io.Writer) {
	fmt.Fprintf(out, usage, names(checks))
	f := o.flags()
	f.SetOutput(out)
	f.PrintDefaults()
}

func main() {
	// A terminal that is closed or a pipe that breaks must not end the drill before it has
	// removed what it has made.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A second Ctrl-C ends the program at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, in io.Reader, out, complaints io.Writer) int {
	o, chosen, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		o.help(out)
		return 0
	}
	if err != nil {
		fmt.Fprintf(complaints, "drill: %v (all flags: make drill DRILL=-help)\n", err)
		return 2
	}
	d, err := open(ctx, o, out)
	if err == nil {
		err = d.start(ctx, bufio.NewReader(in))
	}
	if err != nil {
		fmt.Fprintln(complaints, "drill:", err)
		return 2
	}
	return d.drill(ctx, chosen, d.report, complaints)
}

// maxRounds keeps the secret's versions below a hundred, of which AWS keeps no more for a
// day (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
const maxRounds = 60

// parse reads the command line.
func parse(args []string) (o options, chosen []check, err error) {
	flags := o.flags()
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
	case o.poll < 0 || o.poll > maxPoll:
		err = fmt.Errorf("-poll must be from 0 to %s", maxPoll)
	case o.stack != "" && !awscli.IsStackName(o.stack):
		err = fmt.Errorf("-stack %q: %s", o.stack, awscli.BadStackName)
	case o.useUp && o.collaborator == "":
		err = errors.New("without -collaborator the stack's Heroku user is yours: -use-up-requests would stop the stack for minutes")
	}
	return o, chosen, err
}

// choose returns the checks that a list names and those that they need, in their order. All
// of them are chosen without a list.
func choose(only string) (chosen []check, err error) {
	if only == "" {
		return checks, nil
	}
	named := make(map[string]bool)
	for name := range strings.SplitSeq(only, ",") {
		if !slices.Contains(strings.Fields(names(checks)), name) {
			return nil, fmt.Errorf("there is no check %s", name)
		}
		named[name] = true
	}
	for _, c := range slices.Backward(checks) { // what a check needs stands before it
		if named[c.name] {
			named[c.needs] = true
			chosen = append(chosen, c)
		}
	}
	slices.Reverse(chosen)
	return chosen, nil
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
	token := os.Getenv("HEROKU_API_KEY")
	os.Unsetenv("HEROKU_API_KEY") // the programs that the drill starts need none
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("AWS's settings: %w", err)
	}
	var missing []string
	if token == "" {
		missing = append(missing, `there is no Heroku token: export HEROKU_API_KEY="$(heroku auth:token)"`)
	}
	if cfg.Region == "" {
		missing = append(missing, "AWS has no Region: export AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1 (yours)")
	}
	if len(missing) > 0 {
		return nil, errors.New(strings.Join(missing, "; "))
	}
	api, data := cmp.Or(os.Getenv("HEROKU_API_URL"), "https://api.heroku.com"), cmp.Or(os.Getenv("HEROKU_DATA_URL"), "https://api.data.heroku.com")
	for _, address := range []string{api, data} {
		if !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://127.0.0.1:") {
			return nil, errors.New("HEROKU_API_URL or HEROKU_DATA_URL does not begin with https://, and your token would be sent there: unset it")
		}
	}
	// A race of 20 can be throttled.
	aws := secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) { o.RetryMaxAttempts = 10 })
	d := newDrill(o, aws, &herokuAPI{url: api, token: credential.New(token), base: http.DefaultTransport}, out)
	d.dataURL, d.stack = data, target{webhookURL: o.webhookURL, signingKey: o.signingKey}
	if o.stack != "" {
		d.cloud = &cloud{stack: o.stack, region: cfg.Region}
		if d.stack, err = d.cloud.find(ctx); err != nil {
			return nil, err
		}
	}
	d.pace = livePace(cmp.Or(o.poll, d.stack.poll, time.Minute), o.rounds)
	if o.stack == "" { // one machine is faster than two clouds
		d.pace.list, d.pace.deliver, d.pace.settle, d.pace.retry, d.pace.tick = o.patience, o.patience, o.patience/20, o.patience/20, 20*time.Millisecond
	}
	if o.stack != "" || os.Getenv("AWS_ENDPOINT_URL_EVENTBRIDGE") != "" {
		d.events = eventbridge.NewFromConfig(cfg)
	}
	return d, nil
}

// newDrill returns a drill with a mark that no other has.
func newDrill(o options, aws *secretsmanager.Client, heroku *herokuAPI, out io.Writer) *drill {
	now := time.Now().UTC()
	d := &drill{
		options: o, secrets: aws, heroku: heroku, began: now, mark: now.Format(markLayout) + "-" + strings.ToLower(rand.Text()[:5]), out: out,
		password: "EXAMPLE" + rand.Text(), known: make(map[string]string),
	}
	d.report = cmp.Or(o.report, "drill-"+d.mark+".json")
	d.hide = []string{heroku.token.Reveal(), d.password}
	return d
}

// start offers to remove what an earlier drill has left, says what is to come, and asks.
func (d *drill) start(ctx context.Context, in *bufio.Reader) error {
	left, err := d.leftovers(ctx)
	if err != nil {
		return err
	}
	d.removeLeftovers(ctx, left, in)
	say := func(when bool, format string, args ...any) {
		if when {
			fmt.Fprintf(d.out, format+"\n", args...)
		}
	}
	say(true, "This drill makes, and removes at its end:")
	say(true, "  at Heroku  the app %s%s, without a dyno, with webhooks; four tokens, for a second each", appPrefix, d.mark)
	say(d.database, "             %s, some US cents an hour; its credential is rotated %d times", plan, d.pace.rotate)
	say(true, "  at AWS     secrets called %s%s/…, a few at a time; some thousand requests, some US cents in all", secretPrefix, d.mark)
	say(d.rotateKey, "It changes the signing key of the whole stack.")
	say(d.mayPause, "It pauses the whole stack for some minutes: meanwhile no secret of the stack follows its app.")
	say(d.useUp, "It uses up all requests of your Heroku user: for some minutes Heroku refuses everything else that uses this user.\n"+
		"That includes the stack, unless its token is of the user %s.", d.collaborator)
	say(d.cloud != nil, "The drill loses deliveries on purpose. So the alarm WebhookMissed may go off, and if the stack's token\n"+
		"may only read, WebhookWrong, for three to five hours.")
	if !d.yes && !d.agrees(ctx, in, "Begin? [y/N] ") || ctx.Err() != nil {
		return errors.New("nothing was made")
	}
	// Not only when the drill is over, hours later.
	file, err := os.OpenFile(d.report, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("nothing was made, because the report cannot be written: %w", err)
	}
	return file.Close()
}

// removeLeftovers removes what a person agrees to; unasked, what is older than any drill
// that may still run.
func (d *drill) removeLeftovers(ctx context.Context, left []leftover, in *bufio.Reader) {
	if len(left) == 0 {
		return
	}
	fmt.Fprintln(d.out, "An earlier drill has left this, or another one is running:")
	for _, l := range left {
		fmt.Fprintf(d.out, "  %s, begun %s\n", l.what, l.began.Local().Format(time.DateTime))
	}
	if !d.yes && !d.agrees(ctx, in, "Remove it? [y/N] ") {
		return
	}
	for _, l := range left {
		if d.yes && time.Since(l.began) < longest {
			continue
		}
		if err := l.run(ctx); err != nil { // it can be another user's
			fmt.Fprintf(d.out, "%s is left: %v\n", l.what, err)
		} else {
			fmt.Fprintln(d.out, "removed", l.what)
		}
	}
}

// agrees asks a person. The end of the input is a no, and so is Ctrl-C.
func (d *drill) agrees(ctx context.Context, in *bufio.Reader, question string) bool {
	fmt.Fprint(d.out, question)
	answer := make(chan string, 1)
	go func() {
		line, _ := in.ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case a := <-answer:
		return a == "y" || a == "yes"
	case <-ctx.Done():
		return false
	}
}

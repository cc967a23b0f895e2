package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/credential"
)

// target is the deployed stack.
type target struct {
	webhookURL      string
	signingKey      string        // the secret with the signing key
	poller, webhook string        // the functions' names
	poll            time.Duration // from one poll to the next
	onlyTag         []string      // the key and the value of a tag that every bound secret must have
}

// pace is how long things may take, and how often they are measured.
type pace struct {
	tick    time.Duration // between two looks at a secret: the resolution of what is measured
	poll    time.Duration // from one poll to the next
	list    time.Duration // the longest lag of ListSecrets
	deliver time.Duration // the longest that a delivery may take, with Heroku's first tries
	settle  time.Duration // how long a poll itself may take
	retry   time.Duration // how long Heroku's retries are watched
	rounds  int           // how often the way of a change is measured
	calls   int           // how often a consumer calls
	pause   time.Duration // between two calls: the function leaves the next one out before that
	most    int           // requests are sent in the hope of a 429: an account has 4,500 an hour
	rotate  int           // how often a database's credential is rotated
}

func livePace(poll time.Duration, rounds int) pace {
	return pace{tick: 200 * time.Millisecond, poll: poll, list: 6 * time.Minute, deliver: 3 * time.Minute, settle: 15 * time.Second, retry: time.Minute,
		rounds: rounds, calls: 3, pause: 11 * time.Second, most: 5000, rotate: 5}
}

// onePoll is a time in which there is a poll.
func (p pace) onePoll() time.Duration { return p.poll + p.settle }

// patience is how long a poll is waited for: one may be lost.
func (p pace) patience() time.Duration { return 2 * p.onePoll() }

// maxPoll is the longest time between two polls that a drill takes. By its waits, no drill
// takes as long as longest: two hours and 40 times maxPoll.
const maxPoll, longest = 4 * time.Hour, 7 * 24 * time.Hour

// drill is one run.
type drill struct {
	options
	heroku  *herokuAPI
	dataURL string // of Heroku Data's API
	secrets *secretsmanager.Client
	events  *eventbridge.Client // nil: there is no event bus
	cloud   *cloud              // nil: the stack is not one of CloudFormation
	stack   target
	pace    pace
	began   time.Time
	mark    string   // the time and five letters, which all that the drill makes has in its name
	goEnv   []string // of `go test`, beside that of the drill

	out  io.Writer
	hide []string // credentials that no output shows

	secret     string            // its ARN
	password   string            // of the made-up URLs, without the number at its end
	written    int               // the number of the last URL
	known      map[string]string // the values of the secret that were current, by version
	subscribes bool              // whether the poller was seen to subscribe
	undo       []step
	findings   []finding
	facts      []fact
}

// step undoes one thing that the drill has made.
type step struct {
	what string
	run  func(context.Context) error
}

// check is one assumption that is tried.
type check struct {
	name, title string
	run         func(*trial)
	needs       string // the check that must have shown something before
}

// checks are in the order in which they run.
var checks = []check{
	{"swap", "of 20 writers at once exactly one moves AWSCURRENT", swap, ""},
	{"list", "ListSecrets catches up with a change", list, ""},
	{"subscribe", "a poll fills the new secret and subscribes the app", subscribe, ""},
	{"webhook", "a changed config var comes by webhook", byWebhook, "subscribe"},
	{"forged", "a delivery that is not signed with our key is refused", forged, "subscribe"},
	{"lost", "a poll brings what the webhook missed, and the subscription is back", lost, "subscribe"},
	{"call", "a consumer's call brings it at once", call, "subscribe"},
	{"off", "heroku:sync=off leaves the secret alone", off, "subscribe"},
	{"bad", "a value that is no URL is not written", bad, "subscribe"},
	{"quiet", "nothing is written while nothing changes", quiet, "subscribe"},
	{"key", "the signing key changes without a lost delivery", key, "subscribe"},
	{"pause", "a paused stack writes nothing, and catches up", pauseStack, "subscribe"},
	{"database", "a rotated credential reaches a consumer", rotation, "subscribe"},
	{"held", "a URL that does not log in is not published", held, "subscribe"},
	{"scopes", "a token of the scope write-protected may write webhooks", scopes, ""},
	{"alarms", "the alarms exist", alarms, ""},
	{"metrics", "the metrics arrive", metrics, "webhook"},
	{"logs", "no credential is in the functions' logs", logs, "webhook"},
	{"rules", "Secrets Manager follows the rules that the tests assume", rules, ""},
	{"limit", "Heroku answers 429 when an account's requests are used up", limit, ""},
}

// drill makes what it needs, checks, removes everything, and returns the exit status.
func (d *drill) drill(ctx context.Context, chosen []check, file string, complaints io.Writer) int {
	err := d.prepare(ctx)
	if err == nil {
		err = d.perform(ctx, chosen)
	}
	left := d.cleanUp(ctx)
	d.tellLeft()
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

// perform runs the checks and prints a line for each. It fails if the context ends.
func (d *drill) perform(ctx context.Context, checks []check) error {
	for _, c := range checks {
		began := time.Now()
		fmt.Fprintf(d.out, "%s  %-10s %s … ", began.Format(time.TimeOnly), c.name, c.title)
		x := &trial{drill: d, ctx: ctx, finding: finding{Check: c.name, Verdict: passed, Figures: make(map[string]float64)}}
		err := x.try(c)
		if ctx.Err() != nil {
			fmt.Fprintln(d.out, "interrupted")
			return ctx.Err()
		}
		var s skip
		switch {
		case errors.As(err, &s):
			x.Verdict, x.Says = notChecked, err.Error()
		case err != nil:
			x.Verdict, x.Says = failed, err.Error()
		}
		x.Says, x.Seconds = d.clean(x.Says), seconds(time.Since(began))
		d.findings = append(d.findings, x.finding)
		fmt.Fprintf(d.out, "%s: %s\n", x.Verdict, x.Says)
	}
	return nil
}

// tell notes a fact.
func (d *drill) tell(question, answer string, args ...any) {
	d.facts = append(d.facts, fact{question, d.clean(fmt.Sprintf(answer, args...))})
}

// clean takes credentials out of a text. None should be there: errors of AWS and Heroku
// have any text.
func (d *drill) clean(text string) string {
	for _, credential := range d.hide {
		if credential != "" {
			text = strings.ReplaceAll(text, credential, "(a credential)")
		}
	}
	return text
}

// made notes how to undo what was just made.
func (d *drill) made(what string, undo func(context.Context) error) {
	d.undo = append(d.undo, step{what, undo})
}

// cleanUp removes what the drill has made, the newest first. It tries everything, each for
// a minute or more, and returns what could not be removed.
func (d *drill) cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Minute) // an update of the stack takes minutes
	defer cancel()
	var errs []error
	for _, s := range slices.Backward(d.undo) {
		if _, err := until(ctx, "it is removed", d.pace.deliver, 10*d.pace.tick, func() (bool, error) { return true, s.run(ctx) }); err != nil {
			errs = append(errs, fmt.Errorf("%s is left: %w", s.what, err))
		} else {
			fmt.Fprintln(d.out, "removed", s.what)
		}
	}
	d.undo = nil
	return errors.Join(errs...)
}

// trial is one run of a check. What ends it is a panic with a failure, so that a check
// reads as a list of steps: each that returns no error has succeeded.
type trial struct {
	*drill
	finding
	ctx    context.Context
	during string // which part of the check it is, for the failure's words
}

type failure struct{ error }

// skip says why something is not checked.
type skip string

func (s skip) Error() string { return string(s) }

// try runs the check, and returns what has ended it.
func (x *trial) try(c check) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			err = p.error
		default: // a fault of the drill's own: it still removes what it has made
			err = credential.Recovered(p)
		}
		if err != nil && x.during != "" {
			err = fmt.Errorf("%s: %w", x.during, err)
		}
	}()
	switch {
	case c.needs == "subscribe" && len(x.known) == 0:
		return skip("no poll has filled the secret, so nothing would come")
	case c.needs == "webhook" && !slices.ContainsFunc(x.findings, func(f finding) bool { return f.Check == c.needs && f.Verdict == passed }):
		return skip("the check webhook has not passed, so there may be nothing to see")
	}
	c.run(x)
	return nil
}

// says notes what the check has seen.
func (x *trial) says(format string, args ...any) { x.Says = fmt.Sprintf(format, args...) }

// figures notes the median and the worst of a sample.
func (x *trial) figures(name string, s sample) {
	x.Figures[name+"_median_s"], x.Figures[name+"_worst_s"] = seconds(s.median()), seconds(s.worst())
}

// ok ends the check unless the step has succeeded.
func ok(err error) {
	if err != nil {
		panic(failure{err})
	}
}

func must[T any](v T, err error) T {
	ok(err)
	return v
}

// fail ends the check.
func fail(format string, args ...any) { ok(fmt.Errorf(format, args...)) }

// until asks until the answer is yes, and returns how long that took. An error counts as
// no: a request may fail now and then. If it is to be patient for hours, it asks less often.
func until(ctx context.Context, what string, patience, every time.Duration, ask func() (bool, error)) (time.Duration, error) {
	began := time.Now()
	for {
		yes, err := ask()
		took := time.Since(began)
		switch {
		case ctx.Err() != nil:
			return took, ctx.Err()
		case yes && err == nil:
			return took, nil
		case took > patience && err != nil:
			return took, fmt.Errorf("waited %s for this: %s; the last error: %w", patience, what, err)
		case took > patience:
			return took, fmt.Errorf("waited %s for this: %s", patience, what)
		}
		if err := wait(ctx, max(every, patience/3000)); err != nil {
			return took, err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

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
)

// target is the deployed stack.
type target struct {
	WebhookURL string
	SigningKey string // the secret with the signing key
	Poller     string // the functions' names, for their metrics
	Webhook    string
}

// pace is how long things may take, and how often they are measured.
type pace struct {
	tick    time.Duration // between two looks at a secret: the resolution of what is measured
	poll    time.Duration // from one poll to the next
	list    time.Duration // the longest lag of ListSecrets
	deliver time.Duration // the longest that a delivery may take
	settle  time.Duration // how long a poll itself may take
	retry   time.Duration // how long Heroku's retries are watched
	rounds  int           // how often the way of a change is measured
	calls   int           // how often a consumer calls
	pause   time.Duration // between two calls: the function leaves the next one out before that
	rotate  int           // how often a database's credential is rotated
}

func livePace(poll time.Duration, rounds int) pace {
	return pace{tick: 200 * time.Millisecond, poll: poll, list: 6 * time.Minute, deliver: time.Minute, settle: 15 * time.Second, retry: time.Minute,
		rounds: rounds, calls: 3, pause: 11 * time.Second, rotate: 5}
}

// onePoll is a time in which there is a poll.
func (p pace) onePoll() time.Duration { return p.poll + p.settle }

// patience is how long a poll is waited for: one may be lost.
func (p pace) patience() time.Duration { return 2 * p.onePoll() }

// drill is one run.
type drill struct {
	heroku  *herokuAPI
	secrets *secretsmanager.Client
	events  *eventbridge.Client // nil: there is no event bus
	cloud   *cloud              // nil: the stack is not one of CloudFormation
	stack   target
	pace    pace
	began   time.Time
	mark    string // the time, which all that the drill makes has in its name

	rotateKey, mayPause, database bool
	collaborator, dataURL         string
	env                           []string // of the programs that it starts, beside its own

	out  io.Writer
	hide []string // credentials that no output shows

	app, secret string // a name and an ARN
	password    string // of the made-up URLs, without the number at its end
	written     int    // the number of the last URL
	known       map[string]string
	subscribes  bool // whether the poller was seen to subscribe
	undo        []step
	findings    []finding
	facts       []fact
}

// step undoes one thing that the drill has made.
type step struct {
	what string
	run  func(context.Context) error
}

// finding is what became of one check.
type finding struct {
	Check   string             `json:"check"`
	Verdict string             `json:"verdict"`
	Says    string             `json:"says"`
	Figures map[string]float64 `json:"figures,omitempty"`
	Seconds float64            `json:"seconds"`
}

// fact is an answer to a question that the documentation of Heroku or AWS leaves open.
type fact struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// The verdicts.
const (
	passed     = "pass"
	failed     = "FAIL"
	notChecked = "not checked"
)

// skip says why something is not checked.
type skip string

func (s skip) Error() string { return string(s) }

// outcome is what a check has seen. Its error is a skip, or says what is wrong.
type outcome struct {
	says    string
	figures map[string]float64
}

// check is one assumption that is tried.
type check struct {
	name, title string
	run         func(context.Context, *drill) (outcome, error)
	alone       bool // needs nothing of the check "subscribe"
}

// checks are in the order in which they run.
var checks = []check{
	{"swap", "of 20 writers at once exactly one moves AWSCURRENT", swap, true},
	{"list", "ListSecrets catches up with a change", list, true},
	{"subscribe", "a poll fills the new secret and subscribes the app", subscribe, true},
	{"webhook", "a changed config var comes by webhook", byWebhook, false},
	{"forged", "a delivery that is not signed with our key is refused", forged, false},
	{"lost", "a poll brings what the webhook missed, and the subscription is back", lost, false},
	{"call", "a consumer's call brings it at once", call, false},
	{"off", "heroku:sync=off leaves the secret alone", off, false},
	{"bad", "a value that is no URL is not written", bad, false},
	{"quiet", "nothing is written while nothing changes", quiet, false},
	{"key", "the signing key changes without a lost delivery", key, false},
	{"pause", "a paused stack writes nothing, and catches up", pauseStack, false},
	{"database", "a rotated credential reaches a consumer", rotation, false},
	{"held", "a URL that does not log in is not published", held, false},
	{"scopes", "a token of the scope write-protected may write webhooks", scopes, true},
	{"alarms", "the alarms exist", alarms, true},
	{"metrics", "the metrics arrive", metrics, false},
	{"logs", "no credential is in the functions' logs", logs, true},
	{"rules", "Secrets Manager follows the rules that the tests assume", rules, true},
}

// perform runs the checks and prints a line for each. It fails if the context ends.
func (d *drill) perform(ctx context.Context, checks []check) error {
	for _, c := range checks {
		began := time.Now()
		fmt.Fprintf(d.out, "%s  %-10s %s … ", began.Format(time.TimeOnly), c.name, c.title)
		seen, err := c.run(ctx, d)
		if ctx.Err() != nil {
			fmt.Fprintln(d.out, "interrupted")
			return ctx.Err()
		}
		f := finding{Check: c.name, Verdict: passed, Says: d.clean(seen.says), Figures: seen.figures, Seconds: time.Since(began).Round(time.Millisecond).Seconds()}
		if err != nil {
			f.Verdict, f.Says = failed, d.clean(err.Error())
			var s skip
			if errors.As(err, &s) {
				f.Verdict = notChecked
			}
		}
		d.findings = append(d.findings, f)
		fmt.Fprintf(d.out, "%s: %s\n", f.Verdict, f.Says)
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

// cleanUp removes what the drill has made, the newest first. It tries everything, and
// returns what could not be removed.
func (d *drill) cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Minute) // an update of the stack takes minutes
	defer cancel()
	var errs []error
	for i := len(d.undo) - 1; i >= 0; i-- {
		if err := d.undo[i].run(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s is left: %w", d.undo[i].what, err))
		} else {
			fmt.Fprintln(d.out, "removed", d.undo[i].what)
		}
	}
	d.undo = nil
	return errors.Join(errs...)
}

// until asks until the answer is yes, and returns how long that took. An error counts as
// no: a request may fail now and then.
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
		if err := wait(ctx, every); err != nil {
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

func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

// hasPassed reports whether a check of this drill has passed.
func (d *drill) hasPassed(name string) bool {
	return slices.ContainsFunc(d.findings, func(f finding) bool { return f.Check == name && f.Verdict == passed })
}

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"keepcurrent.example/internal/credential"
)

// errMoved says that a run that did not end well has published all the same.
var errMoved = errors.New("AWSCURRENT has moved in this run, and then")

// ended returns the result with its outcome, and with what is to be told of it.
func (r Result) ended(outcome Outcome, err error) Result {
	if !r.Moved.IsZero() && outcome != Published && err != nil && !errors.Is(err, errMoved) {
		err = fmt.Errorf("%w: %w", errMoved, err)
	}
	switch {
	case r.TooOften && err == nil:
		err = ErrTooOften
	case r.TooOften:
		err = fmt.Errorf("%w; %w", err, ErrTooOften)
	}
	r.Outcome, r.Err = outcome, nil
	if err != nil {
		r.Err = r.explain(err)
	}
	return r
}

// stop ends a binding that is not right yet, and says whether another attempt may do better:
// after a conflict, and where Heroku shows nothing better yet.
func (r Result) stop(outcome Outcome, err error) (Result, retry) {
	if errors.Is(err, ErrConflict) {
		return r.ended(outcome, err), afterConflict
	}
	if _, may := errors.AsType[notYet](err); may {
		return r.ended(outcome, err), afterWait
	}
	return r.ended(outcome, err), done
}

// explain says on what an error happened. What ended with its context alone says nothing
// of who did not answer.
func (r Result) explain(err error) error {
	if err == context.DeadlineExceeded || err == context.Canceled {
		err = fmt.Errorf("the run was out of time: %w", err)
	}
	return fmt.Errorf("app %s, config var %s, secret %s: %w", r.App, r.ConfigVar, r.Name, err)
}

// levels of the outcomes: what is as it should be is not worth a line at the
// default level.
var levels = map[Outcome]slog.Level{
	Published: slog.LevelInfo,
	Unchanged: slog.LevelDebug,
	Off:       slog.LevelDebug,
	Elsewhere: slog.LevelDebug,
	Deferred:  slog.LevelDebug, // the report says how many, and why
	Held:      slog.LevelWarn,
	Failed:    slog.LevelError,
}

// Log writes one line about the result.
func (r Result) Log(ctx context.Context, log *slog.Logger) {
	level := levels[r.Outcome]
	attrs := []slog.Attr{
		slog.String("app", r.App),
		slog.String("configVar", r.ConfigVar),
		slog.String("secret", r.Name),
	}
	if r.Version != "" {
		attrs = append(attrs, slog.String("version", r.Version))
	}
	if lag, known := r.Lag(); known {
		attrs = append(attrs, slog.Float64("lagSeconds", lag.Seconds()))
	}
	if r.Conflicts > 0 { // an unchanged secret, too, may be this run's work: the answer to its swap was lost
		attrs = append(attrs, slog.Int("conflicts", r.Conflicts))
		level = max(level, slog.LevelInfo)
	}
	if r.Err != nil {
		attrs = append(attrs, slog.String("error", Text(r.Err)))
		switch r.Outcome {
		case Deferred:
		case Off: // it is off for a reason that nobody gave with a tag
			level = max(level, slog.LevelInfo)
		default:
			level = max(level, slog.LevelWarn)
		}
	}
	if stack := credential.StackOf(r.Err); stack != nil {
		attrs = append(attrs, slog.Any("stack", stack))
	}
	message := string(r.Outcome)
	if r.Outcome == Published && r.Moved.IsZero() {
		message = "would be published" // a dry run
	}
	log.LogAttrs(ctx, level, message, attrs...)
}

// MaxText is how many bytes of an error a log line or a report shows: enough for eight
// wrong tags, and little where thousands of errors stand in one answer.
const MaxText = 2000

// Text returns the error's text in one line, because a query of the logs prints a row for each,
// and cut to [MaxText]: AWS's words, a tag and a database server's answer have any length.
func Text(err error) string { return Cut(strings.ReplaceAll(err.Error(), "\n", "; "), MaxText) }

// Cut returns the text, or as many bytes of it as most, whole characters, and an ellipsis.
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > most-utf8.UTFMax && end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

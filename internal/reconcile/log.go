package reconcile

import (
	"context"
	"log/slog"

	"keepcurrent.example/internal/credential"
)

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

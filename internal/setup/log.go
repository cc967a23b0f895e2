package setup

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
)

func logger(level string) (*slog.Logger, error) {
	least := slog.LevelInfo
	if level != "" {
		if err := least.UnmarshalText([]byte(level)); err != nil {
			return nil, fmt.Errorf("LOG_LEVEL is %q: it can be debug, info, warn or error", level)
		}
	}
	return slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: least, ReplaceAttr: cut})), nil
}

// cut bounds every text of a log line except the stack of a panic: an error can quote
// AWS or a server at any length.
func cut(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() == slog.KindString && attr.Key != "stack" {
		attr.Value = slog.StringValue(reconcile.Cut(attr.Value.String(), reconcile.MaxText))
	}
	return attr
}

// Log returns the logger of one invocation.
func (p *Parts) Log(ctx context.Context, trigger string) *slog.Logger {
	log := p.log.With("trigger", trigger)
	if lambda, ok := lambdacontext.FromContext(ctx); ok {
		log = log.With("requestId", lambda.AwsRequestID)
	}
	return log
}

// RecoverPanic returns f with its panics turned into an error. The Lambda runtime would
// print the value of a panic, which may be a credential. RecoverPanic logs where the
// panic came from, and its text only if it is one of Go's own.
func RecoverPanic[In, Out any](p *Parts, f func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (out Out, err error) {
		defer func() {
			if value := recover(); value != nil {
				panicked := credential.Recovered(value)
				p.log.ErrorContext(ctx, "panic", "type", panicked.Type, "error", panicked.Error(), "stack", panicked.Stack)
				err = fmt.Errorf("the function panicked (%s): see its log", panicked.Type)
			}
		}()
		return f(ctx, in)
	}
}

// maxWords is how much of a library's line is logged.
const maxWords = 120

// standardLogger receives what libraries write to Go's standard logger. A library may
// quote what it does not understand, and that may be a credential: net/http quotes bytes
// of an answer that is longer than it said. So a line is logged only up to its first
// quotation mark, or up to the first part that is not plain words.
type standardLogger struct{ log *slog.Logger }

func (l standardLogger) Write(line []byte) (int, error) {
	if bytes.HasPrefix(line, []byte("{")) { // aws-lambda-go: the error of an invocation, which is logged already
		return len(line), nil
	}
	l.log.Warn("a library wrote to the standard logger", "begins", unquoted(string(line)), "bytes", len(line))
	return len(line), nil
}

// unquoted returns the words that a line begins with.
func unquoted(line string) string {
	var words []string
	for word := range strings.FieldsSeq(line) {
		if bare := strings.TrimRight(word, ".,:;"); bare == "" || strings.Trim(bare, letters) != "" || len(bare) > 20 {
			break
		}
		words = append(words, word)
	}
	text := strings.Join(words, " ")
	return text[:min(len(text), maxWords)]
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

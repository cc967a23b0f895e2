package setup

import (
	"bytes"
	"log/slog"
	"strings"
)

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

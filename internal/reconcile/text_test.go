package reconcile_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"keepcurrent.example/internal/reconcile"
)

// A query of the logs prints a row for each line, and several wrong tags are several errors.
func TestSeveralErrorsAreOneLine(t *testing.T) {
	t.Parallel()
	if got := reconcile.Text(errors.Join(errors.New("tag a is empty"), errors.New("tag b is empty"))); got != "tag a is empty; tag b is empty" {
		t.Errorf("%q", got)
	}
}

func TestALongErrorIsCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "short", strings.Repeat("x", reconcile.MaxText)} {
		if got := reconcile.Text(errors.New(text)); got != text {
			t.Errorf("%d bytes become %d", len(text), len(got))
		}
	}
	for _, long := range []string{strings.Repeat("x", 1<<20), strings.Repeat("é", 1<<20), "x" + strings.Repeat("𝄞", 1<<20), strings.Repeat("\xbf", 1<<20)} {
		got := reconcile.Text(errors.New(long))
		if len(got) > reconcile.MaxText+len("…") || len(got) < reconcile.MaxText-utf8.UTFMax || !strings.HasSuffix(got, "…") || utf8.ValidString(got) != utf8.ValidString(long) {
			t.Errorf("%d bytes: %.20q", len(got), got)
		}
	}
}

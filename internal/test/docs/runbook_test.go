package docs_test

import (
	"strings"
	"testing"
)

// One command shows what is wrong, so it comes before any other.
func TestTheRunbookBeginsWithMakeStatus(t *testing.T) {
	t.Parallel()
	if first := fence.FindString(pages(t)["docs/runbook.md"]); !strings.HasPrefix(first, "```sh\nmake status STACK=") {
		t.Errorf("its first command is %s", first)
	}
}

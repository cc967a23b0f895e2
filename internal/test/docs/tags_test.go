package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keepcurrent.example/internal/reconcile"
)

// Somebody who adds a tag is told here what else it needs.
func TestATagIsReadSaidAndTested(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(filepath.Join(root, "internal/reconcile/binding.go"))
	if err != nil {
		t.Fatal(err)
	}
	var declared []string
	for _, tag := range regexp.MustCompile(`(?m)^\t\w+Tag += "(heroku:[a-z-]+)"`).FindAllStringSubmatch(string(source), -1) {
		declared = append(declared, tag[1])
	}
	if !slices.Equal(declared, reconcile.Tags) {
		t.Errorf("reconcile.Tags are %q, and %q are declared", reconcile.Tags, declared)
	}
	var contract []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(heroku:[a-z-]+)` \\|").FindAllStringSubmatch(pages(t)["docs/reference.md"], -1) {
		contract = append(contract, row[1])
	}
	tests := concatenated(t, "internal/test/e2e/*_test.go")
	for _, tag := range declared {
		if !slices.Contains(contract, tag) {
			t.Errorf("docs/reference.md has no row for %s", tag)
		}
		if !strings.Contains(tests, tag) {
			t.Errorf("no end-to-end test uses %s", tag)
		}
	}
	for _, tag := range contract {
		if !slices.Contains(declared, tag) {
			t.Errorf("docs/reference.md has a row for %s, which is no tag", tag)
		}
	}
}

// concatenated is the text of the files that match.
func concatenated(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

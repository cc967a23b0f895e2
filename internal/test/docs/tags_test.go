package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	used := tagsInTests(t)
	for _, tag := range declared {
		if !slices.Contains(contract, tag) {
			t.Errorf("docs/reference.md has no row for %s", tag)
		}
		if !used[tag] {
			t.Errorf("no end-to-end test has %s in a string", tag)
		}
	}
	for _, tag := range contract {
		if !slices.Contains(declared, tag) {
			t.Errorf("docs/reference.md has a row for %s, which is no tag", tag)
		}
	}
}

// tagsInTests are the tags in the strings of the end-to-end tests. A comment is no use of a tag.
func tagsInTests(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "internal/test/e2e/*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	used, tag := make(map[string]bool), regexp.MustCompile(`heroku:[a-z-]+`)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			if literal, is := node.(*ast.BasicLit); is && literal.Kind == token.STRING {
				for _, name := range tag.FindAllString(literal.Value, -1) {
					used[name] = true
				}
			}
			return true
		})
	}
	return used
}

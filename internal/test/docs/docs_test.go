package docs_test

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the top of the repository.
var root = filepath.Join("..", "..", "..")

// pages are the Markdown files, by their path from the top.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git" || entry.Name() == "build"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		page, _ := filepath.Rel(root, path)
		all[page] = string(text)
		return err
	})
	if err != nil || len(all) < 10 {
		t.Fatalf("%d pages, %v", len(all), err)
	}
	return all
}

var (
	fence   = regexp.MustCompile("(?ms)^```.*?^```")
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	unsaid  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// anchors returns the anchors that GitHub makes from a page's headings.
func anchors(page string) (all []string) {
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		all = append(all, strings.ReplaceAll(unsaid.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
	}
	return all
}

func TestEveryLinkWithinTheRepositoryLeadsSomewhere(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for page, text := range all {
		for _, found := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			to, err := url.Parse(found[1])
			if err != nil || to.Scheme != "" {
				continue
			}
			target := page
			if to.Path != "" {
				target = filepath.Join(filepath.Dir(page), to.Path)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: %s is not there", page, found[1])
			}
			if to.Fragment != "" && !slices.Contains(anchors(all[target]), to.Fragment) {
				t.Errorf("%s: %s has no such heading", page, found[1])
			}
		}
	}
}

var (
	command  = regexp.MustCompile("go test [^`\n#]+")
	packages = regexp.MustCompile(`\./[\w/.]+`)
	run      = regexp.MustCompile(`-run (?:'([^']+)'|(\S+))`)
	test     = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)
)

// testsOf returns the names of a package's tests.
func testsOf(t *testing.T, pkg string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range test.FindAllStringSubmatch(string(text), -1) {
			names = append(names, found[1])
		}
	}
	return names
}

// `go test` passes if a pattern matches no test, so a page could name one that is gone.
func TestEveryCommandFindsTheTestsThatItNames(t *testing.T) {
	t.Parallel()
	checked := 0
	for page, text := range pages(t) {
		for _, line := range command.FindAllString(text, -1) {
			named := run.FindStringSubmatch(line)
			if named == nil {
				continue
			}
			var names []string
			for _, pkg := range packages.FindAllString(line, -1) {
				names = append(names, testsOf(t, pkg)...)
			}
			// In a table GitHub needs a backslash before the bar.
			for pattern := range strings.SplitSeq(strings.ReplaceAll(named[1]+named[2], `\|`, "|"), "|") {
				checked++
				if matches := regexp.MustCompile(pattern).MatchString; !slices.ContainsFunc(names, matches) {
					t.Errorf("%s: `%s`: no test is called %s", page, line, pattern)
				}
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d patterns were found", checked)
	}
}

func TestTheREADMEIsReadInOneSitting(t *testing.T) {
	t.Parallel()
	if lines := strings.Count(pages(t)["README.md"], "\n"); lines > 200 {
		t.Errorf("it has %d lines, and 200 are enough", lines)
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

package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// erring are the packages whose errors a user reads in a log, a report or an answer.
var erring = []string{
	"internal/connection", "internal/credential", "internal/heroku", "internal/login", "internal/reconcile", "internal/report", "internal/secrets", "internal/setup",
	"functions/poller", "functions/webhook",
}

// contexts are the texts that say where an error happened and need no row: the cause, which
// has one, stands behind them.
var contexts = []string{
	"%s: %w", "%w: %w", "%w; %w", "%w: tag %s: %w", "secret %s: %w", "app %s, config var %s, secret %s: %w",
	"%w: %w: tag %s: secret %s: %w", "%w: reading the secret of tag %s: %w",
	"listing secrets: %w", "describing the secret: %w", "describing the secret: %w: %w", "putting version %s as %s: %w",
	"moving AWSCURRENT to version %s: %w", "reading version %s: %w: %w", "reading the value of %s that holds %s: %w",
	"reading the config vars of app %s: %w", "reading the newest release of app %s: %w", "listing the webhooks of app %s: %w",
	"listing the attachments of app %s: %w",
	"the webhook of app %s is %s: %w", "the webhook of app %s is %s: %w; with your own Heroku login: make subscribe APP=%s STACK=…",
	"subscribing to the releases of app %s: %w", "removing webhook %s of app %s: %w", "GET /account/rate-limits: %s", "GET /account/rate-limits: Heroku answered %d",
	"%s: %w (if your own client takes it: heroku:verify=server logs in without parameters)", // of a parameter
	"%s: %w: %w", "%w: %d", "%w: key %s: %w",
	"the candidate does not log in: %w",
	"%w (%s answers SQLSTATE %s)", "%s: %w (SQLSTATE %s)", "%w (%s answers %s)",
	"%w: AWS copies it from Region %s; keep it there", "%w: %s writes it; remove the tag %s",
	"%w: its rotation is on; turn it off (aws secretsmanager cancel-rotate-secret) or remove the tag %s",
}

// inBrackets are the texts that only stand in brackets after "the secret's value is not
// understood", which has a row.
var inBrackets = []string{
	"it is not a JSON object", "it has no URL under the key", "its JSON object does not have the keys of a Postgres secret",
	"its JSON object is that of another engine than postgres or redis",
}

// texts are the string literals of a package's errors: the first argument of errors.New
// and fmt.Errorf, and the reasons that a ParameterError has.
func texts(t *testing.T, folder string) (all []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", folder, len(files), err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.CallExpr:
				name := nameOf(n.Fun)
				if (name == "errors.New" || name == "fmt.Errorf") && literal(n.Args[0]) != "" {
					all = append(all, literal(n.Args[0]))
				}
			case *ast.CompositeLit:
				if strings.HasSuffix(nameOf(n.Type), "ParameterError") && len(n.Elts) == 2 {
					reason := n.Elts[1]
					if pair, ok := reason.(*ast.KeyValueExpr); ok {
						reason = pair.Value
					}
					if text := literal(reason); len(text) > 1 { // a reason that is put together elsewhere ends in ")"
						all = append(all, text)
					}
				}
			}
			return true
		})
	}
	return all
}

func nameOf(e ast.Expr) string {
	switch n := e.(type) {
	case *ast.Ident:
		return n.Name
	case *ast.SelectorExpr:
		return nameOf(n.X) + "." + n.Sel.Name
	}
	return ""
}

// literal joins the string literals of an expression.
func literal(e ast.Expr) (text string) {
	ast.Inspect(e, func(node ast.Node) bool {
		if l, ok := node.(*ast.BasicLit); ok && l.Kind == token.STRING {
			part, _ := strconv.Unquote(l.Value)
			text += part
		}
		return true
	})
	return text
}

var (
	errorRow = regexp.MustCompile(`(?m)^\| ([^|]*` + "`" + `[^|]*) \|`)
	inCode   = regexp.MustCompile("`([^`]+)`")
)

// rows are the texts in the first column of the runbook's tables of errors.
func rows(t *testing.T) (all []string) {
	t.Helper()
	_, after, found := strings.Cut(pages(t)["docs/runbook.md"], "\n## What an error means\n")
	section, _, ends := strings.Cut(after, "\n## ")
	if !found || !ends {
		t.Fatal("the runbook has no section for errors")
	}
	for _, row := range errorRow.FindAllStringSubmatch(section, -1) {
		for _, text := range inCode.FindAllStringSubmatch(row[1], -1) {
			all = append(all, text[1])
		}
	}
	return all
}

// A person who reads an error looks it up in the runbook.
func TestEveryErrorHasARowInTheRunbook(t *testing.T) {
	t.Parallel()
	said := rows(t)
	checked := 0
	for _, folder := range erring {
		for _, text := range texts(t, folder) {
			checked++
			if slices.Contains(contexts, text) || slices.Contains(inBrackets, text) {
				continue
			}
			if !slices.ContainsFunc(said, func(row string) bool { return strings.Contains(text, row) }) {
				t.Errorf("%s: %q has no row", folder, text)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d errors were found", checked)
	}
}

// elsewhere is what a row has that is no text of ours: the codes of AWS, the statuses of
// Heroku, the names of tags.
var elsewhere = regexp.MustCompile(`^(\w+(Exception|Failure)|AccessDenied|InternalService…|Heroku answered [0-9.]+|tag heroku:[a-z-]+:|context deadline exceeded)$`)

func TestEveryRowOfTheRunbookIsAboutAnErrorThatThereIs(t *testing.T) {
	t.Parallel()
	var sources strings.Builder
	for _, folder := range erring {
		sources.WriteString(concatenated(t, filepath.Join(folder, "*.go")))
	}
	for _, row := range rows(t) {
		if !elsewhere.MatchString(row) && !strings.Contains(sources.String(), row) {
			t.Errorf("no error says %q", row)
		}
	}
}

func TestEveryCodeOfARefusedPutHasARow(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "internal/secrets/refusal.go"))
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`"(\w+(?:Exception|Failure))"`).FindAllStringSubmatch(string(text), -1)
	if len(codes) < 9 {
		t.Fatalf("only %d codes were found", len(codes))
	}
	said := rows(t)
	for _, code := range codes {
		if !slices.ContainsFunc(said, func(row string) bool { return strings.HasPrefix(code[1], row) }) {
			t.Errorf("%s has no row", code[1])
		}
	}
}

package docs_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"keepcurrent.example/internal/heroku"
	"keepcurrent.example/internal/test/runbook"
)

// withoutRow are the texts of the functions that need no row, by the reason.
var withoutRow = map[string][]string{
	"It says where an error happened, and the cause, which has a row, stands behind it.": {
		"secret %s: %w", "app %s, config var %s, secret %s: %w", "%w: tag %s: %w", "%w: %w: tag %s: secret %s: %w",
		"%w: reading the secret of tag %s: %w", "%w: key %s: %w", "the candidate does not log in: %w",
		"listing secrets: %w", "describing the secret: %w", "describing the secret: %w: %w",
		"putting version %s as %s: %w", "moving AWSCURRENT to version %s: %w", "reading version %s: %w: %w",
		"reading the value of %s that holds %s: %w", "reading the config vars of app %s: %w", "reading the newest release of app %s: %w",
		"listing the attachments of app %s: %w", "listing the webhooks of app %s: %w", "subscribing to the releases of app %s: %w",
		"removing webhook %s of app %s: %w", "GET /account/rate-limits: %s", "GET /account/rate-limits: Heroku answered %d",
		"the URL's parameter %s %s", "one of the URL's parameters %s %s", "(one whose name is no word)",
	},
	"It stands behind a text that has a row, and says more.": {
		"%w: AWS copies it from Region %s; keep it there", "%w: %s writes it; remove the tag %s",
		"%w: its rotation is on; turn it off (aws secretsmanager cancel-rotate-secret) or remove the tag %s",
		"the webhook of app %s is %s: %w", "the webhook of app %s is %s: %w; with your own Heroku login: make subscribe APP=%s STACK=…",
		"%s: %w (if your own client takes it: heroku:verify=server logs in without parameters)",
		"; it stops at the first one, and may refuse  too", "a root of its own can be in the secret of tag ", "it is invalid",
		"%w (%s answers %s)", "%s: %w (SQLSTATE %s)", "%w (%s answers SQLSTATE %s)", "and %d more", "a value of %d bytes that is not shown", ", in ",
	},
	"It stands in brackets behind \"the secret's value is not understood\".": {
		"it is not a JSON object", "it has no URL under the key", "its JSON object does not have the keys of a Postgres secret",
		"its JSON object is that of another engine than postgres or redis",
	},
	"It stands behind \"a tag is invalid\", and says what the tag can be.": {
		"tag %s has %d names: it can have %d, because each change of one makes a version, and AWS keeps about a hundred a day",
		"tag %s names a config var twice", "tag %s has several names, which needs %s=%s",
		"tag %s is empty: name a config var, or remove the tag for DATABASE_URL",
		"tag %s is a value of %d bytes that is not shown: it can be the name of a config var, which has letters, digits and underscores, does not begin with a digit, and has at most %d characters",
		"tag %s is a value of %d bytes that is not shown: it can be the name of a key, which has letters, digits and _+=./@-, begins with a letter, a digit or _, and has at most %d characters",
		"tag %s is of no use with %s=%s: a URL alone has no key", "tag %s names a key twice",
		"tag %s has %d names, and tag %s has %d: each config var needs one", "tag %s is %s: it can be \"%s\" or %q",
		"tag %s is %s: it can be the name or the ARN of a secret",
	},
	"It stands behind a code of AWS or a status of Heroku, which has a row.": {
		"the secret has too many versions: AWS keeps each for 24 hours, and about a hundred of them",
		"AWS takes no such value: it has more than 65,536 bytes, or the name of the secret is not one",
		"there is such a version already, with another value",
		"KMS does not decrypt with the secret's key: it is disabled, pending deletion, or not granted",
		"the secret's KMS key is not granted to the function", "AWS is changing the secret at the moment",
		"the app does not exist or the token's user cannot see it: check the tag heroku:app and the user's access",
		"the app is gone: check the tag heroku:app, or remove it", "Heroku answered %d",
	},
	"Nobody is told: it ends inside.": {"the login is over", "the server refuses a command"},
	"It is no error: the log says it at the level debug, or the answer.": {
		"a consumer's call: not bound, or updated already", "a consumer's call: ", "it was updated a moment ago", "Heroku has refused the token",
		"what is left of the account's requests is its reserve", "had none of ours", "removed a double", "would be published", "other keys", "key ",
	},
	"A server, an event or a tag says it to the functions.": {
		"\"Scheduled Event\"", "Credential Refused", "server refused TLS connection", "ERR max number of clients", "bearer ",
		"startup parameter", "no more connections allowed", "client connections exceeded", "resources exhaustion", "too many connections",
		"too many clients", "remaining connection slots", "authentication failed", "auth failed", "login rejected", "no such user",
		"no such database", "does not exist",
	},
	"The functions say it to a server, or compute with it.": {
		"user='x' password='x' passfile='' sslmode=require sslrootcert='' sslcert='' sslkey='' sslcertmode=allow sslnegotiation=postgres sslsni=1 " +
			"target_session_attrs=any channel_binding=prefer require_auth='' min_protocol_version='' max_protocol_version='' connect_timeout=5",
		"host='%s' port=%d dbname='%s' ", "keepcurrent version 1 ",
	},
}

const module = "keepcurrent.example/"

// product parses the packages that the functions consist of.
func product(t *testing.T) map[string][]*ast.File {
	t.Helper()
	all := make(map[string][]*ast.File)
	for open := []string{"functions/poller", "functions/webhook"}; len(open) > 0; {
		folder := open[len(open)-1]
		open = open[:len(open)-1]
		if all[folder] != nil {
			continue
		}
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
			all[folder] = append(all[folder], parsed)
			for _, spec := range parsed.Imports {
				path, _ := strconv.Unquote(spec.Path.Value)
				if own, is := strings.CutPrefix(path, module); is {
					open = append(open, own)
				}
			}
		}
	}
	return all
}

// texts returns what the functions can say, and the folder that says it.
func texts(t *testing.T) map[string]string {
	t.Helper()
	said := make(map[string]string)
	for folder, files := range product(t) {
		for _, text := range textsOf(files) {
			said[text] = folder
		}
	}
	return said
}

// textsOf returns what a package can say: every string in its source that has several words, and
// whatever becomes an error or the message of a warning. What is joined with + is one text.
func textsOf(files []*ast.File) (all []string) {
	f := found{kinds: errorTypes(files), names: make(map[string]bool), said: make(map[ast.Expr]bool)}
	for range 2 { // the second time it knows the names of all variables that become errors
		for _, file := range files {
			ast.Inspect(file, f.note)
		}
	}
	for _, file := range files {
		joined := make(map[ast.Expr]bool)
		ast.Inspect(file, func(node ast.Node) bool {
			expression, is := node.(ast.Expr)
			if !is || joined[expression] {
				return true
			}
			text := join(expression, joined)
			if says(text) && (strings.Contains(text, " ") || f.said[expression]) {
				all = append(all, text)
			}
			return true
		})
	}
	return all
}

// found is what becomes an error or the message of a warning in a package.
type found struct {
	kinds map[string]bool // types of strings that are errors
	names map[string]bool // variables and constants
	said  map[ast.Expr]bool
}

func (f found) note(node ast.Node) bool {
	switch node := node.(type) {
	case *ast.CallExpr:
		f.noteSaid(f.saidBy(node)...)
	case *ast.ValueSpec:
		kind, _ := node.Type.(*ast.Ident)
		for i, name := range node.Names {
			if i < len(node.Values) && (f.names[name.Name] || kind != nil && f.kinds[kind.Name]) {
				f.noteSaid(node.Values[i])
			}
		}
	case *ast.AssignStmt:
		for i, left := range node.Lhs {
			if name, is := left.(*ast.Ident); is && f.names[name.Name] && len(node.Lhs) == len(node.Rhs) {
				f.noteSaid(node.Rhs[i])
			}
		}
	}
	return true
}

func (f found) noteSaid(expressions ...ast.Expr) {
	for _, e := range expressions {
		f.said[e] = true
		if name, is := e.(*ast.Ident); is {
			f.names[name.Name] = true
		}
	}
}

// saidBy returns the arguments of a call that become an error or the message of a warning.
func (f found) saidBy(call *ast.CallExpr) []ast.Expr {
	name := ""
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		if f.kinds[fun.Name] { // a conversion
			return call.Args
		}
	case *ast.SelectorExpr:
		name = fun.Sel.Name
		if of, is := fun.X.(*ast.Ident); is && name == "New" && of.Name != "errors" {
			return nil // credential.New
		}
	}
	message := 0
	switch name {
	case "New", "Errorf", "Error", "Warn":
	case "ErrorContext", "WarnContext":
		message = 1
	case "Log", "LogAttrs":
		message = 2
	default:
		return nil
	}
	if len(call.Args) <= message {
		return nil
	}
	return call.Args[message : message+1]
}

// errorTypes returns the package's types of strings that have a method Error.
func errorTypes(files []*ast.File) map[string]bool {
	texts, kinds := make(map[string]bool), make(map[string]bool)
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			if spec, is := node.(*ast.TypeSpec); is {
				under, _ := spec.Type.(*ast.Ident)
				texts[spec.Name.Name] = under != nil && under.Name == "string"
			}
			return true
		})
	}
	for _, file := range files {
		for _, d := range file.Decls {
			if method, is := d.(*ast.FuncDecl); is && method.Recv != nil && method.Name.Name == "Error" {
				if receiver, is := method.Recv.List[0].Type.(*ast.Ident); is && texts[receiver.Name] {
					kinds[receiver.Name] = true
				}
			}
		}
	}
	return kinds
}

func TestWhatBecomesAnErrorIsFound(t *testing.T) {
	t.Parallel()
	const source = `package p
type refusal string
func (r refusal) Error() string { return string(r) }
const asConstant refusal = "constant"
func f(ctx context.Context) error {
	slog.Error("message", "key", "value")
	slog.WarnContext(ctx, "warning")
	slog.Info("information")
	format := "variable"
	return errors.Join(errors.New("new"), refusal("converted"), fmt.Errorf(format), fmt.Errorf("joined"+"%d", 1), other("other"))
}`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Sorted(slices.Values(textsOf([]*ast.File{file})))
	if want := []string{"constant", "converted", "joined%d", "message", "new", "variable", "warning"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// join returns the text of a literal, or of a sum with literals, and notes the parts.
func join(e ast.Expr, parts map[ast.Expr]bool) (text string) {
	switch n := e.(type) {
	case *ast.BasicLit:
		if n.Kind == token.STRING {
			text, _ = strconv.Unquote(n.Value)
		}
	case *ast.BinaryExpr:
		if n.Op == token.ADD {
			parts[n.X], parts[n.Y] = true, true
			text = join(n.X, parts) + join(n.Y, parts)
		}
	}
	return text
}

var verb = regexp.MustCompile(`%[+#*.\-0-9]*[a-z]`)

// says reports whether a text has letters of its own.
func says(text string) bool {
	return regexp.MustCompile(`[a-zA-Z]`).MatchString(verb.ReplaceAllString(text, ""))
}

// rows are those of the runbook's tables of errors.
func rows(t *testing.T) []runbook.Row {
	t.Helper()
	all, err := runbook.Rows(pages(t)["docs/runbook.md"])
	if err != nil || len(all) < 60 {
		t.Fatalf("%d rows, %v", len(all), err)
	}
	return all
}

// A person who reads an error looks it up in the runbook, and must find one row.
func TestEveryErrorHasARowInTheRunbook(t *testing.T) {
	t.Parallel()
	all, said := rows(t), texts(t)
	listed := make(map[string]bool)
	var pairs []string
	for _, group := range withoutRow {
		for _, text := range group {
			listed[text] = true
			if said[text] == "" {
				t.Errorf("%q needs no row, and nothing says it", text)
			}
		}
	}
	for text, folder := range said {
		if listed[text] {
			continue
		}
		found := matching(all, text)
		switch len(found) {
		case 0:
			t.Errorf("%s: %q has no row in the runbook: give it one, or list it here with the reason", folder, text)
		case 1:
			pairs = append(pairs, fmt.Sprintf("%s\n\t%q\n", strings.Join(found[0], ", "), text))
		default:
			t.Errorf("%s: %q has several rows: %q", folder, text, found)
		}
	}
	if len(said) < 200 {
		t.Errorf("only %d texts were found", len(said))
	}
	slices.Sort(pairs)
	compareRows(t, strings.Join(pairs, ""))
}

// matching returns, of each row that an error matches, the texts that do.
func matching(all []runbook.Row, message string) (found [][]string) {
	for _, row := range all {
		texts := slices.DeleteFunc(slices.Clone(row.Texts), func(text string) bool { return !runbook.Row{Texts: []string{text}}.Matches(message) })
		if len(texts) > 0 {
			found = append(found, texts)
		}
	}
	return found
}

var writeRows = flag.Bool("rows.write", false, "write testdata/rows.txt, which says in which row of the runbook a person finds each error")

// compareRows makes a person look at a new pair: a text can have a part of another error's row in it.
func compareRows(t *testing.T, got string) {
	t.Helper()
	file := filepath.Join("testdata", "rows.txt")
	if *writeRows {
		write(t, file, got)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const advice = "see that the row is about this error, and run go test ./internal/test/docs -run EveryErrorHasARow -rows.write"
	before, now := strings.SplitAfter(string(want), "\"\n"), strings.SplitAfter(got, "\"\n")
	for _, pair := range now {
		if !slices.Contains(before, pair) {
			t.Errorf("%s is new: %s\n%s", file, advice, pair)
		}
	}
	for _, pair := range before {
		if !slices.Contains(now, pair) {
			t.Errorf("%s has a pair that is gone: run the test with -rows.write\n%s", file, pair)
		}
	}
}

// elsewhere is what a row has that is no text of ours: AWS's words, the statuses of Heroku,
// what a database answers.
var elsewhere = regexp.MustCompile(`^(\w+(Exception|Failure)|AccessDenied|InternalService…|Heroku answered [0-9.]+|(answers |no connection left [(]|takes no login now [(])SQLSTATE [0-9A-Z]{5}[)]?|staging label: AWSCURRENT)$`)

func TestEveryRowOfTheRunbookIsAboutAnErrorThatThereIs(t *testing.T) {
	t.Parallel()
	said := slices.Collect(maps.Keys(texts(t)))
	codes := concatenated(t, "internal/login/redis.go") // WRONGPASS and NOAUTH are single words
	for _, row := range rows(t) {
		for _, text := range row.Texts {
			isSaid := slices.ContainsFunc(said, func(one string) bool { return strings.Contains(one, text) })
			if !isSaid && !elsewhere.MatchString(text) && !strings.Contains(codes, `"`+text+`"`) {
				t.Errorf("no error says %q", text)
			}
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
	for _, code := range codes {
		if _, found := runbook.Find(rows(t), code[1]); !found {
			t.Errorf("%s has no row", code[1])
		}
	}
}

func TestEveryStatusOfHerokuHasARow(t *testing.T) {
	t.Parallel()
	all := rows(t)
	for code := 300; code < 600; code++ {
		message := (&heroku.StatusError{Code: code}).Error()
		if _, found := runbook.Find(all, message); !found {
			t.Errorf("%q has no row", message)
		}
	}
}

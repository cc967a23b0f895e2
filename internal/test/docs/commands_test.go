package docs_test

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"
)

// Where several commands are run by the same test.
const (
	inStack     = "internal/cmd/stack TestAStackFromItsFirstDeploymentToItsRemoval"
	inRelease   = "internal/cmd/stack TestThePagesCommandsDeployARelease"
	inPoll      = "internal/cmd/stack TestTheRunbooksPollPrintsTheAnswerAloneWhereverItGoes"
	inAsk       = "internal/cmd/stack TestTheRunbooksQueriesKeepTheirColumnsWhereAFieldIsMissing"
	inLocal     = "internal/test/e2e TestTheCommandsOfTheLocalPageRotateASecretThatEachLanguageReads"
	inGoPage    = "internal/test/e2e TestAProgramTakesThePackageFromACopyAndFromAFork"
	inLeaving   = "internal/test/e2e TestLeavingHeroku"
	inZips      = "internal/test/template TestTheZipsHoldABootstrapForLambda"
	inThesePage = "internal/test/docs TestThePagesAskAWSForWhatTheyMean"
)

// runBy says what runs a command of the pages: a test, or a file of CI.
var runBy = map[string]string{
	"make demo":           ".ci/run",
	"make test":           ".ci/run",
	"make lint":           ".ci/run",
	"make release":        ".github/workflows/release.yml",
	"make deploy":         inStack,
	"make remove":         inStack,
	"make subscribe":      "internal/cmd/stack TestSubscribeMakesTheWebhookWithAPersonsOwnLogin",
	"make unsubscribe":    "internal/cmd/stack TestSubscribeMakesTheWebhookWithAPersonsOwnLogin",
	"make status":         "internal/cmd/status TestAStackThatNeedsYouIsToldFromOneThatIsNotThere",
	"make drill":          "internal/cmd/drill TestTheProgramDrillsAStackAndReportsWithoutACredential",
	"make build":          inZips,
	"make zips":           inZips,
	"make vulncheck":      ".github/workflows/vulncheck.yml",
	"make secretsmanager": inLocal,

	"node":             inLocal,
	"python3":          inLocal,
	"psql":             inLocal,
	"awk":              inLeaving,
	"pg_dump":          inLeaving,
	"pg_restore":       inLeaving,
	"mktemp":           inPoll,
	"sha256sum":        inRelease,
	"openssl rand":     inThesePage,
	"terraform output": inThesePage,
	"terraform plan":   "internal/test/e2e TestTerraformAppliesOurModuleAndPage",
	"go list":          "internal/test/docs TestTheCoreImportsWhatThePageSays",
	"go mod init":      inGoPage,
	"go mod edit":      inGoPage,
	"go mod tidy":      inGoPage,
	"go test":          "internal/test/docs TestEveryCommandFindsTheTestsThatItNames",

	"aws sts get-caller-identity":        inRelease,
	"aws s3api head-bucket":              inRelease,
	"aws s3 mb":                          inRelease,
	"aws cloudformation package":         inRelease,
	"aws cloudformation deploy":          inRelease,
	"aws cloudformation describe-stacks": inPoll,
	"aws lambda invoke":                  inPoll,
	"aws logs start-query":               inAsk,
	"aws logs get-query-results":         inAsk,
}

// everyday are words of a shell, tools that do not need a test here, and the functions whose
// definitions on the pages are tested. $ is a variable: the editor of the person. The last one ends
// what a marked command of the same page begins.
var everyday = append(strings.Fields("[ ask cat cd date echo exit export git grep mv out poll printf return rm set_parameter sed sleep test tr trap umask $"),
	"go version", "heroku login", "heroku maintenance:off")

// byHand are the targets for long runs. Tests run what is behind them for a short time, and the
// pages say when the long runs were made.
var byHand = strings.Fields("bench fuzz load proof soak")

// shells are what GitHub calls a block of commands.
var shells = []string{"", "sh", "bash", "shell", "console"}

// notCommands are how the blocks begin that show an output, or a program in several languages.
var notCommands = []string{"  what happened ", "              SECRET ", "&consumer.Source{"}

var (
	shellBlock = regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```$")
	inCode     = regexp.MustCompile("`([^`]+)`")
	programs   = regexp.MustCompile(`^(?:aws|brew|curl|docker|gh|git|go|heroku|kubectl|make|node|npm|openssl|pip|psql|python3|shasum|terraform) [a-z.-]`)
	// A paragraph ends before an empty line, a row, an item of a list and a heading.
	paragraphEnds = regexp.MustCompile(`\n(?: *\n| *\||  *- | *\d+\. |- |#)`)
	mark          = regexp.MustCompile(`(?i)\*not run\b|\bno test runs\b`)
	// namesCommands finds a sentence that names the commands that are not run.
	namesCommands = regexp.MustCompile("(?s)(?:No test runs|\\*Not run:\\*)\\s+(`[^`]+`(?:(?:,|,? and|,? or)\\s+`[^`]+`)*)")
)

// subcommands are how many words of a program's call choose what it does.
var subcommands = map[string]int{"aws": 3, "gh": 3, "go": 2, "heroku": 2, "kubectl": 2, "make": 2, "npm": 2, "openssl": 2, "pip": 2, "terraform": 2}

// commandsOf returns the commands that lines of shell run: each a program, with the words that
// choose what it does. It leaves out the functions that the lines define.
func commandsOf(t *testing.T, page, lines string) (all []string) {
	t.Helper()
	script, err := syntax.NewParser().Parse(strings.NewReader(lines), page)
	if err != nil {
		t.Errorf("a shell does not take these lines: %v\n%s", err, lines)
		return nil
	}
	defined := make(map[string]bool)
	syntax.Walk(script, func(node syntax.Node) bool {
		switch node := node.(type) {
		case *syntax.FuncDecl:
			defined[node.Name.Value] = true
		case *syntax.CallExpr:
			var words []string
			for _, word := range node.Args {
				words = append(words, cmp.Or(word.Lit(), "$"))
			}
			if len(words) == 0 {
				break
			}
			n := max(subcommands[words[0]], 1)
			if len(words) > 1 && words[0] == "go" && words[1] == "mod" {
				n = 3
			}
			all = append(all, strings.Join(words[:min(n, len(words))], " "))
		}
		return true
	})
	return slices.DeleteFunc(all, func(command string) bool { return defined[command] })
}

// A place has commands, and the text that can say that they are not run: for a block the paragraph
// before it and the one behind it, for code in a text the paragraph, row or step that it is in.
type place struct{ lines, beside string }

// placesOf returns the blocks of a page, and the code in its text that begins with a program.
func placesOf(page string) (all []place) {
	for _, found := range shellBlock.FindAllStringSubmatchIndex(page, -1) {
		language, lines := page[found[2]:found[3]], page[found[4]:found[5]]
		if !slices.Contains(shells, language) || slices.ContainsFunc(notCommands, func(begins string) bool { return strings.HasPrefix(lines, begins) }) {
			continue
		}
		before, behind := paragraphsOf(strings.TrimSpace(page[:found[0]])), paragraphsOf(strings.TrimSpace(page[found[1]:]))
		all = append(all, place{lines, before[len(before)-1] + "\n" + behind[0]})
	}
	for _, paragraph := range paragraphsOf(shellBlock.ReplaceAllString(page, "\n")) {
		for _, code := range inCode.FindAllStringSubmatch(paragraph, -1) {
			if lines := strings.Join(strings.Fields(code[1]), " "); programs.MatchString(lines) {
				all = append(all, place{lines, paragraph})
			}
		}
	}
	return all
}

// paragraphsOf returns the paragraphs, rows and steps of a text.
func paragraphsOf(text string) (all []string) {
	for {
		end := paragraphEnds.FindStringIndex(text)
		if end == nil {
			return append(all, text)
		}
		all, text = append(all, text[:end[0]]), text[end[0]+1:]
	}
}

// notRun returns the commands that a page says by name are not run.
func notRun(t *testing.T, name, page string) (all []string) {
	t.Helper()
	for _, sentence := range namesCommands.FindAllStringSubmatch(page, -1) {
		for _, code := range inCode.FindAllStringSubmatch(sentence[1], -1) {
			all = append(all, commandsOf(t, name, code[1])...)
		}
	}
	return all
}

// isRun reports whether a test runs a command. tables is the source of the tests that have tables of
// commands.
func isRun(command string, pasted []string, tables string) bool {
	target, isTarget := strings.CutPrefix(command, "make ")
	return slices.Contains(everyday, command) || isTarget && slices.Contains(byHand, target) || runBy[command] != "" ||
		slices.Contains(pasted, command) || strings.Contains(tables, "command: `"+command+" ") || strings.Contains(tables, "command: `"+command+"`")
}

// A person who pastes a command that nobody has run is the first to find that it does not work.
// What is compared is the program and the words that choose what it does, and not the options.
func TestEveryCommandOfAPageIsRunOrMarked(t *testing.T) {
	t.Parallel()
	checked, pasted := 0, pastedCommands(t)
	tables := concatenated(t, "internal/testserver/*/cli_test.go")
	for page, text := range pages(t) {
		named := notRun(t, page, text)
		for _, place := range placesOf(text) {
			for _, command := range commandsOf(t, page, place.lines) {
				checked++
				if !mark.MatchString(place.beside) && !slices.Contains(named, command) && !isRun(command, pasted, tables) {
					t.Errorf("%s: no test runs %q, and the page does not say so: name its test here, or write \"*Not run:*\" and the reason beside it", page, command)
				}
			}
		}
	}
	if checked < 300 {
		t.Errorf("only %d commands were found", checked)
	}
}

func TestWhatRunsTheCommandsOfThePagesIsThere(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for command, by := range runBy {
		where, test, isTest := strings.Cut(by, " ")
		if isTest && !slices.Contains(testsOf(t, where), test) {
			t.Errorf("%s: %s has no %s", command, where, test)
		}
		if !isTest && !strings.Contains(concatenated(t, where), command) {
			t.Errorf("%s does not run %s", where, command)
		}
		if !slices.ContainsFunc(slices.Collect(maps.Values(all)), func(text string) bool { return strings.Contains(text, command) }) {
			t.Errorf("no page has the command %s any more", command)
		}
	}
}

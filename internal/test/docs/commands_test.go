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
// definitions on the pages are tested. $ is a variable: the editor of the person.
var everyday = strings.Fields("[ ask cat cd date echo exit export git grep mv out poll printf rm set_parameter sed sleep tr trap umask $")

// shells are what GitHub calls a block of commands.
var shells = []string{"", "sh", "bash", "shell", "console"}

// notCommands are how the blocks begin that show an output, or a program in several languages.
var notCommands = []string{"  what happened ", "              SECRET ", "&consumer.Source{"}

var (
	shellBlock  = regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```$")
	step        = regexp.MustCompile(`(?m)^\d+\. .*(?:\n {2,}.*)*`)
	inCode      = regexp.MustCompile("`([^`]+)`")
	programs    = regexp.MustCompile(`^(?:aws|brew|curl|docker|gh|go|heroku|kubectl|make|node|npm|openssl|pip|psql|python3|terraform) [a-z.-]`)
	sectionEnds = regexp.MustCompile(`(?m)^#+ `)
)

// subcommands are how many words of a program's call choose what it does.
var subcommands = map[string]int{"aws": 3, "gh": 3, "go": 2, "heroku": 2, "make": 2, "openssl": 2, "terraform": 2}

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

// A place has commands, and the texts that can say that they are not run.
type place struct{ lines, before, section string }

// placesOf returns the blocks and the steps of a page that have commands.
func placesOf(page string) (all []place) {
	section := func(at int) string {
		start, end := 0, len(page)
		for _, heading := range sectionEnds.FindAllStringIndex(page, -1) {
			if heading[0] <= at {
				start = heading[0]
			} else {
				end = min(end, heading[0])
			}
		}
		return page[start:end]
	}
	for _, found := range shellBlock.FindAllStringSubmatchIndex(page, -1) {
		language, lines := page[found[2]:found[3]], page[found[4]:found[5]]
		if !slices.Contains(shells, language) || slices.ContainsFunc(notCommands, func(begins string) bool { return strings.HasPrefix(lines, begins) }) {
			continue
		}
		paragraphs := strings.Split(strings.TrimSpace(page[:found[0]]), "\n\n")
		all = append(all, place{lines, paragraphs[len(paragraphs)-1], section(found[0])})
	}
	for _, found := range step.FindAllStringIndex(fence.ReplaceAllStringFunc(page, blank), -1) {
		text := page[found[0]:found[1]]
		for _, code := range inCode.FindAllStringSubmatch(text, -1) {
			if programs.MatchString(code[1]) {
				all = append(all, place{code[1], text, section(found[0])})
			}
		}
	}
	return all
}

// blank keeps the length of a text.
func blank(text string) string { return strings.Repeat(" ", len(text)) }

// isMarked reports whether a page says that the commands of a place are not run.
func (p place) isMarked() bool {
	return regexp.MustCompile(`(?i)\bnot run\b|no test runs`).MatchString(p.before) || strings.Contains(p.section, "\n*Not run:*")
}

// isRun reports whether a test runs a command. tables is the source of the tests that have tables of
// commands.
func isRun(command string, pasted []string, tables string) bool {
	return slices.Contains(everyday, command) || runBy[command] != "" ||
		slices.Contains(pasted, command) || strings.Contains(tables, "command: `"+command+" ") || strings.Contains(tables, "command: `"+command+"`")
}

// A person who pastes a command that nobody has run is the first to find that it does not work.
func TestEveryCommandOfAPageIsRunOrMarked(t *testing.T) {
	t.Parallel()
	checked, pasted := 0, pastedCommands(t)
	tables := concatenated(t, "internal/testserver/*/cli_test.go")
	for page, text := range pages(t) {
		for _, place := range placesOf(text) {
			for _, command := range commandsOf(t, page, place.lines) {
				checked++
				if !place.isMarked() && !isRun(command, pasted, tables) {
					t.Errorf("%s: no test runs %q, and the page does not say so: name its test here, or write \"*Not run:*\" and the reason into the page", page, command)
				}
			}
		}
	}
	if checked < 100 {
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

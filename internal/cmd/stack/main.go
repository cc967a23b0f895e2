// Stack deploys keepcurrent with the AWS CLI and removes it again, and makes the webhooks of
// its apps: `make deploy`, `make remove`, `make subscribe` and `make unsubscribe`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"

	"keepcurrent.example/internal/cmd/awscli"
	"keepcurrent.example/internal/reconcile"
)

const usage = `usage: go run ./internal/cmd/stack deploy [STACK=name] [BUCKET=name] [Parameter=value ...]
       go run ./internal/cmd/stack remove STACK=name [YES=1]
       go run ./internal/cmd/stack subscribe APP=name [STACK=name]
       go run ./internal/cmd/stack unsubscribe APP=name [STACK=name]

deploy makes the stack, or changes it: a parameter that is not given keeps its value.
remove takes the webhooks away from Heroku and deletes the stack. The secrets stay.
subscribe makes the webhook of a Heroku app or repairs it, with your own Heroku login
(heroku auth:token, or HEROKU_API_KEY). It reads the stack's signing key.
unsubscribe removes the webhook of an app that no secret names any more.
STACK is keepcurrent unless you say another. Region and account are those of the AWS CLI.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	switch {
	case len(os.Args) < 2:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err.Error())
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, err.Error())
		os.Exit(1)
	}
}

// errUsage marks words that are not understood.
var errUsage = errors.New("not understood")

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: no command", errUsage)
	}
	words, err := parse(args[1:])
	if err != nil {
		return err
	}
	if os.Getenv(underMake) != "" {
		maps.Copy(words, fromMake(os.Getenv("MAKEFLAGS")))
	}
	if name, given := words["STACK"]; given && name == "" { // STACK=$UNSET
		return fmt.Errorf("%w: STACK is empty: say a name, or leave it out for keepcurrent", errUsage)
	}
	s := &stack{name: words.take("STACK", "keepcurrent"), out: out}
	switch {
	case !awscli.IsStackName(s.name):
		return fmt.Errorf("%w: STACK=%q: %s", errUsage, s.name, awscli.BadStackName)
	case args[0] == "deploy":
		return s.deploy(ctx, options{bucket: words.take("BUCKET", ""), template: words.take("TEMPLATE", "template.yaml"), parameters: words})
	case args[0] == "remove":
		yes := words.take("YES", "") == "1"
		if len(words) > 0 {
			return fmt.Errorf("%w: remove takes STACK and YES alone, and not %s", errUsage, words.names())
		}
		return s.remove(ctx, in, yes)
	case args[0] == "subscribe", args[0] == "unsubscribe":
		app := words.take("APP", "")
		if len(words) > 0 {
			return fmt.Errorf("%w: %s takes APP and STACK alone, and not %s", errUsage, args[0], words.names())
		}
		if !reconcile.IsApp(app) {
			return fmt.Errorf("%w: APP=%q: say the name or the id of a Heroku app: make %s APP=shop STACK=%s", errUsage, app, args[0], s.name)
		}
		return s.change(ctx, args[0], app)
	}
	return fmt.Errorf("%w: %q", errUsage, args[0])
}

// settings are words NAME=value.
type settings map[string]string

func parse(args []string) (settings, error) {
	words := make(settings)
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%w: %s is not NAME=value", errUsage, shown(arg))
		}
		words[name] = value
	}
	return words, nil
}

// underMake is a variable that the Makefile sets to the name of make.
const underMake = "KEEPCURRENT_UNDER_MAKE"

// fromMake returns the variables of make's command line. Their names are in MAKEFLAGS,
// their values in the environment, so no shell ever reads them.
// https://www.gnu.org/software/make/manual/html_node/Options_002fRecursion.html
func fromMake(flags string) settings {
	words := make(settings)
	var word []byte
	for i := 0; i <= len(flags); i++ {
		switch {
		case i < len(flags)-1 && flags[i] == '\\': // a blank or a backslash in a value
			i++
			word = append(word, flags[i])
		case i < len(flags) && flags[i] != ' ':
			word = append(word, flags[i])
		default:
			name, _, ok := strings.Cut(string(word), "=")
			name = strings.TrimSuffix(name, ":")
			if ok && !strings.HasPrefix(name, "-") { // a flag
				words[name] = os.Getenv(name) // nothing, if no variable can have that name
			}
			word = word[:0]
		}
	}
	return words
}

func (s settings) names() string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		names = append(names, shown(name))
	}
	return strings.Join(names, ", ")
}

// shown returns a word that can be the name of a parameter. Any other may be a credential that
// was put into the wrong place.
func shown(word string) string {
	if parameterName.MatchString(word) {
		return word
	}
	return "(a word that is no name)"
}

// parameterName is what the name of a parameter can be, and of a variable of make.
var parameterName = regexp.MustCompile(`^[A-Za-z_]{1,64}$`)

// take removes a setting and returns it.
func (s settings) take(name, otherwise string) string {
	value, ok := s[name]
	delete(s, name)
	if !ok || value == "" {
		return otherwise
	}
	return value
}

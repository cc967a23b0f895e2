// Stack deploys keepcurrent with the AWS CLI, and removes it again: `make deploy` and
// `make remove`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
)

const usage = `usage: go run ./internal/cmd/stack deploy [STACK=name] [BUCKET=name] [Parameter=value ...]
       go run ./internal/cmd/stack remove STACK=name [YES=1]

deploy makes the stack, or changes it: a parameter that is not given keeps its value.
remove takes the webhooks away from Heroku and deletes the stack. The secrets stay.
STACK is keepcurrent unless you say another. Region and account are those of the AWS CLI.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, err.Error(), "\n\n", usage)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "\n"+err.Error())
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
	s := &stack{name: words.take("STACK", "keepcurrent"), out: out}
	switch {
	case !stackName.MatchString(s.name):
		return fmt.Errorf("%w: STACK=%q: a stack's name has letters, digits and dashes, and begins with a letter", errUsage, s.name)
	case args[0] == "deploy":
		return s.deploy(ctx, options{bucket: words.take("BUCKET", ""), template: words.take("TEMPLATE", "template.yaml"), parameters: words})
	case args[0] == "remove":
		yes := words.take("YES", "") == "1"
		if len(words) > 0 {
			return fmt.Errorf("%w: remove takes STACK and YES alone", errUsage)
		}
		return s.remove(ctx, in, yes)
	}
	return fmt.Errorf("%w: %q", errUsage, args[0])
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
var stackName = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]{0,127}$`)

// settings are words NAME=value.
type settings map[string]string

func parse(args []string) (settings, error) {
	words := make(settings)
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%w: %q is not NAME=value", errUsage, arg)
		}
		words[name] = value
	}
	return words, nil
}

// take removes a setting and returns it.
func (s settings) take(name, otherwise string) string {
	value, ok := s[name]
	delete(s, name)
	if !ok || value == "" {
		return otherwise
	}
	return value
}

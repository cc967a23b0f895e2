package template_test

import (
	"regexp"
	"strings"
	"testing"
)

// Whatever prints the outputs breaks their lines where it likes: SAM's table breaks a
// command, and half of it does something else. The commands are printed by make deploy.
func TestNoOutputIsACommand(t *testing.T) {
	t.Parallel()
	outputs := load(t).at("Outputs").entries()
	if len(outputs) < 8 {
		t.Errorf("only %d outputs", len(outputs))
	}
	for name, output := range outputs {
		value := output.at("Value")
		for _, part := range append(value.items(), value) {
			if text := part.text(); regexp.MustCompile(`\b(aws|heroku|make) `).MatchString(text) || strings.Contains(output.at("Description").text(), "Run this") {
				t.Errorf("%s holds a command: %s", name, text)
			}
		}
	}
}

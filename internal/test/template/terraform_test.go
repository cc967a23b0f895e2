package template_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var writeTerraform = flag.Bool("terraform.write", false, "write the files of terraform/ that are made from template.yaml")

// The Terraform module has a variable for each parameter of the template and an output for
// each of its outputs, with the same words.
func TestTheTerraformModuleHasEveryParameterAndOutput(t *testing.T) {
	t.Parallel()
	template := load(t)
	for name, want := range map[string]string{
		"parameters.tf": terraformParameters(template.at("Parameters")),
		"outputs.tf":    terraformOutputs(template.at("Outputs")),
	} {
		file := filepath.Join(root, "terraform", name)
		if *writeTerraform {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); string(got) != want {
			t.Errorf("terraform/%s is not what template.yaml says (%v): run go test ./internal/test/template -run Terraform -terraform.write", name, err)
		}
	}
}

const madeFrom = "# Made from template.yaml by go test ./internal/test/template -run Terraform -terraform.write\n"

func terraformParameters(parameters tree) string {
	var variables, values strings.Builder
	width := 0
	for _, p := range pairs(parameters) {
		width = max(width, len(p.name))
	}
	for _, p := range pairs(parameters) {
		kind, value := "string", "var."+snake(p.name)
		switch declared := p.at("Type").text(); {
		case declared == "Number":
			kind = "number"
		case declared == "CommaDelimitedList" || strings.HasPrefix(declared, "List<"):
			kind, value = "list(string)", fmt.Sprintf(`%s == null ? null : join(",", %[1]s)`, value)
		}
		fmt.Fprintf(&variables, "\nvariable %q {\n  description = %s\n  type        = %s\n  default     = null\n}\n", snake(p.name), quoted(p.at("Description")), kind)
		fmt.Fprintf(&values, "    %-*s = %s\n", width, p.name, value)
	}
	return madeFrom + variables.String() + "\n# A variable that is null is not sent: the template's default counts.\nlocals {\n  parameters = { for name, value in {\n" +
		values.String() + "  } : name => value if value != null }\n}\n"
}

func terraformOutputs(outputs tree) string {
	var b strings.Builder
	b.WriteString(madeFrom)
	for _, o := range pairs(outputs) {
		fmt.Fprintf(&b, "\noutput %q {\n  description = %s\n  value       = lookup(aws_cloudformation_stack.keepcurrent.outputs, %q, null)\n}\n", snake(o.name), quoted(o.at("Description")), o.name)
	}
	return b.String()
}

// quoted returns a text as Terraform writes it.
func quoted(text tree) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(fmt.Sprintf("%q", text.text()))
}

type pair struct {
	name string
	tree
}

// pairs are the entries of a mapping in their order.
func pairs(t tree) (all []pair) {
	for i := 0; t.node != nil && i < len(t.node.Content); i += 2 {
		all = append(all, pair{t.node.Content[i].Value, tree{t.node.Content[i+1]}})
	}
	return all
}

var (
	lowerUpper = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	upperWord  = regexp.MustCompile(`([A-Z])([A-Z][a-z])`)
)

// snake spells a name in Terraform's way: KmsKeyArn is kms_key_arn.
func snake(name string) string {
	return strings.ToLower(upperWord.ReplaceAllString(lowerUpper.ReplaceAllString(name, "${1}_$2"), "${1}_$2"))
}

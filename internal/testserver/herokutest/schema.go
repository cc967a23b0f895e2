package herokutest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A link is the schema of one call. Request is nil if the call has no body.
type link struct {
	request, answer *jsonschema.Schema
}

// A schema has a link for every served route, by its pattern.
type schema map[string]link

// published is Heroku's schema as heroku-go ships it, read and compiled once a
// process.
var published = sync.OnceValues(func() (schema, error) {
	file, err := findSchema()
	if err != nil {
		return nil, fmt.Errorf("find Heroku's schema: %w", err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read Heroku's schema: %w", err)
	}
	return compile(data)
})

// findSchema asks the go command for the folder of the module that this program was
// built with. With GOPROXY=off nothing is downloaded: a missing module is an error.
func findSchema() (string, error) {
	const module = "github.com/heroku/heroku-go/v5"
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module)
	cmd.Env = append(os.Environ(), "GOPROXY=off")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go list -m %s: %w", module, err)
	}
	dir := strings.TrimSpace(string(out))
	if dir == "" {
		return "", fmt.Errorf("module %s is not in the module cache", module)
	}
	return filepath.Join(dir, "schema.json"), nil
}

// address is where Heroku publishes the schema. It is a name here; nothing is
// fetched.
const address = "https://api.heroku.com/schema"

func compile(data []byte) (schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("parse Heroku's schema: %w", err)
	}
	amend(doc)
	toDraft4(doc)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4)
	compiler.AssertFormat()
	if err := compiler.AddResource(address, doc); err != nil {
		return nil, fmt.Errorf("load Heroku's schema: %w", err)
	}
	links := pointers(doc)
	sch := schema{}
	for _, r := range served {
		if sch[r.pattern], err = compileLink(compiler, links[shape(r.pattern)]); err != nil {
			return nil, fmt.Errorf("%s in Heroku's schema: %w", r.pattern, err)
		}
	}
	return sch, nil
}

// amend adds what the schema omits: an authorization's answer has the description
// that its request gave. `heroku authorizations` shows it:
// https://github.com/heroku/cli/blob/main/src/commands/authorizations/index.ts
func amend(doc any) {
	root, _ := doc.(map[string]any)
	definitions, _ := root["definitions"].(map[string]any)
	authorization, _ := definitions["oauth-authorization"].(map[string]any)
	if properties, ok := authorization["properties"].(map[string]any); ok {
		properties["description"] = map[string]any{"type": []any{"string"}}
	}
}

// toDraft4 converts Heroku's dialect to plain draft 4. Its $schema names a meta-schema
// that is only draft 4 with links. Its strictProperties means that all properties are
// required and no others are allowed. A pattern with a lookahead is removed: Go's regexp
// has none.
func toDraft4(node any) {
	switch n := node.(type) {
	case []any:
		for _, child := range n {
			toDraft4(child)
		}
	case map[string]any:
		delete(n, "$schema")
		if pattern, ok := n["pattern"].(string); ok && strings.Contains(pattern, "(?!") {
			delete(n, "pattern")
		}
		if properties, ok := n["properties"].(map[string]any); ok && len(properties) > 0 && n["strictProperties"] == true {
			n["additionalProperties"] = false
			n["required"] = names(properties)
		}
		for _, child := range n {
			toDraft4(child)
		}
	}
}

func names(properties map[string]any) []any {
	var all []any
	for name := range properties {
		all = append(all, name)
	}
	return all
}

// A pointer is the place of a link in the schema document.
type pointer struct {
	path       string
	hasRequest bool
}

// pointers finds every link of the document, by the shape of its call.
func pointers(doc any) map[string]pointer {
	found := map[string]pointer{}
	root, _ := doc.(map[string]any)
	definitions, _ := root["definitions"].(map[string]any)
	for name, definition := range definitions {
		resource, _ := definition.(map[string]any)
		links, _ := resource["links"].([]any)
		for i, each := range links {
			l, _ := each.(map[string]any)
			_, hasRequest := l["schema"]
			found[shape(fmt.Sprintf("%s %s", l["method"], l["href"]))] = pointer{
				path:       fmt.Sprintf("%s#/definitions/%s/links/%d", address, name, i),
				hasRequest: hasRequest,
			}
		}
	}
	return found
}

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// shape is a call without the names of its parameters, which the schema and the
// mux write differently.
func shape(pattern string) string { return parameter.ReplaceAllString(pattern, "{}") }

func compileLink(compiler *jsonschema.Compiler, at pointer) (l link, err error) {
	if at.path == "" {
		return l, errors.New("there is no such call")
	}
	if l.answer, err = compiler.Compile(at.path + "/targetSchema"); err != nil {
		return l, fmt.Errorf("compile the answer: %w", err)
	}
	if at.hasRequest {
		if l.request, err = compiler.Compile(at.path + "/schema"); err != nil {
			return l, fmt.Errorf("compile the request: %w", err)
		}
	}
	return l, nil
}

// check validates a body against a schema and returns the violations, each as a place
// and a rule. It does not return the values, which may be credentials. It fails if the
// body is not JSON.
func check(sch *jsonschema.Schema, body []byte) (problems []string, err error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	var invalid *jsonschema.ValidationError
	if errors.As(sch.Validate(value), &invalid) {
		problems = leaves(invalid)
		slices.Sort(problems)
	}
	return problems, nil
}

func leaves(e *jsonschema.ValidationError) []string {
	if len(e.Causes) == 0 {
		return []string{fmt.Sprintf("at /%s: %s", strings.Join(e.InstanceLocation, "/"), strings.Join(e.ErrorKind.KeywordPath(), "/"))}
	}
	var all []string
	for _, cause := range e.Causes {
		all = append(all, leaves(cause)...)
	}
	return all
}

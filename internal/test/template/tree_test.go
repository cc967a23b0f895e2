package template_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// root is the top of the repository.
var root = filepath.Join("..", "..", "..")

// tree is a part of the template. A missing part is the zero tree, which has no keys, no
// items and no text.
type tree struct{ node *yaml.Node }

func load(t *testing.T) tree {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	return tree{document.Content[0]}
}

// at follows keys down.
func (t tree) at(keys ...string) tree {
	for _, key := range keys {
		t = t.entries()[key]
	}
	return t
}

func (t tree) entries() map[string]tree {
	entries := map[string]tree{}
	if t.node == nil || t.node.Kind != yaml.MappingNode {
		return entries
	}
	for i := 0; i < len(t.node.Content); i += 2 {
		entries[t.node.Content[i].Value] = tree{t.node.Content[i+1]}
	}
	return entries
}

// items are the elements of a list; a lone value is a list of one.
func (t tree) items() []tree {
	if t.node == nil {
		return nil
	}
	if t.node.Kind != yaml.SequenceNode {
		return []tree{t}
	}
	var items []tree
	for _, item := range t.node.Content {
		items = append(items, tree{item})
	}
	return items
}

// text returns a value as the template spells it: "28", "!Ref Role",
// "!If [Reserve, 10, !Ref AWS::NoValue]".
func (t tree) text() string {
	if t.node == nil {
		return ""
	}
	text := t.node.Value
	if t.node.Kind == yaml.SequenceNode {
		text = "[" + strings.Join(t.texts(), ", ") + "]"
	}
	if tag := t.node.Tag; strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!") {
		text = tag + " " + text
	}
	return text
}

func (t tree) texts() []string {
	var texts []string
	for _, item := range t.items() {
		texts = append(texts, item.text())
	}
	return texts
}

// walk visits every mapping from the top down.
func (t tree) walk(visit func(tree)) {
	if t.node == nil {
		return
	}
	if t.node.Kind == yaml.MappingNode {
		visit(t)
	}
	for _, child := range t.node.Content {
		tree{child}.walk(visit)
	}
}

// walkIf visits every mapping with the condition of the !If around it that must be true,
// "" for none. For an else the condition has "not" before it.
func (t tree) walkIf(when string, visit func(m tree, when string)) {
	if t.node == nil {
		return
	}
	if t.node.Kind == yaml.MappingNode {
		visit(t, when)
	}
	for i, child := range t.node.Content {
		inner := when
		if t.node.Tag == "!If" && i > 0 {
			inner = strings.TrimSpace(when + []string{" ", " not "}[i-1] + t.node.Content[0].Value)
		}
		tree{child}.walkIf(inner, visit)
	}
}

// flat joins nested mappings in a line: "StringEquals key value".
func (t tree) flat() string {
	entries := t.entries()
	if len(entries) == 0 {
		return t.text()
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		parts = append(parts, key+" "+entries[key].flat())
	}
	return strings.Join(parts, ", ")
}

// resources are the template's resources of a type, by logical id.
func resources(template tree, kind string) map[string]tree {
	found := template.at("Resources").entries()
	for id, resource := range found {
		if resource.at("Type").text() != kind {
			delete(found, id)
		}
	}
	return found
}

func mustBe(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %q, not %q", what, got, want)
	}
}

func mustBeSet(t *testing.T, what string, got, want []string) {
	t.Helper()
	for _, item := range less(want, got) {
		t.Errorf("%s: %q is missing", what, item)
	}
	for _, item := range less(got, want) {
		t.Errorf("%s: %q is too much", what, item)
	}
}

// less returns the first list without the items of the second, each removed once.
func less(list, others []string) []string {
	rest := slices.Sorted(slices.Values(list))
	for _, other := range others {
		if i := slices.Index(rest, other); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
		}
	}
	return rest
}

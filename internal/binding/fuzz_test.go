package binding_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keepcurrent.example/internal/binding"
)

// identity is Heroku's published schema of an app's name, or a UUID.
var identity = regexp.MustCompile(`\A(?:[a-z][a-z0-9-]{1,28}[a-z0-9]|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\z`)

// secretID is a secret's name, or an ARN.
var secretID = regexp.MustCompile(`\A[A-Za-z0-9/_+=.@:-]+\z`)

// FuzzTags takes any texts for the values of the tags. present says, a bit for
// each, which of the tags there are at all.
func FuzzTags(f *testing.F) {
	f.Add(uint8(1), "shop", "", "", "", "", "")
	f.Add(uint8(63), "01234567-89ab-cdef-0123-456789abcdef", "OTHER_URL", "url", "off", "off", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:b-a1B2c3")
	f.Add(uint8(31), "s-1", "DATABASE_URL", "json", "login", "on", "")
	f.Add(uint8(63), "../account", "", "xml", "LOGIN", "yes", "a b")
	f.Add(uint8(0), "shop", "A\n", "url\x00", "\xff", `"`, "")
	f.Add(uint8(1), "shop\n", "", "", "", "", "")
	f.Add(uint8(1), strings.Repeat("a", 31), "", "", "", "", "")
	names := []string{binding.AppTag, binding.ConfigVarTag, binding.FormatTag, binding.VerifyTag, binding.SyncTag, binding.TokenTag}
	f.Fuzz(func(t *testing.T, present uint8, app, configVar, format, verify, sync, token string) {
		tags := make(map[string]string)
		for i, value := range []string{app, configVar, format, verify, sync, token} {
			if present>>i&1 == 1 {
				tags[names[i]] = value
			}
		}
		b, err := binding.Of(binding.Secret{Tags: tags})
		if wrong := wrongTags(tags); len(wrong) > 0 {
			named(t, err, wrong)
			return
		}
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		if b.Source != (binding.Source{Token: tags[binding.TokenTag], App: app}) || b.ConfigVar == "" || b.Format != binding.JSON && b.Format != binding.URL {
			t.Errorf("not a binding: %+v", b)
		}
		if b.Verify != (tags[binding.VerifyTag] != "off") || b.Sync != (tags[binding.SyncTag] != "off") {
			t.Errorf("it is not what the tags say: %+v", b)
		}
	})
}

// wrongTags says the README's table of tags once more.
func wrongTags(tags map[string]string) []string {
	var wrong []string
	if !identity.MatchString(tags[binding.AppTag]) {
		wrong = append(wrong, binding.AppTag)
	}
	if value, tagged := tags[binding.ConfigVarTag]; tagged && value == "" {
		wrong = append(wrong, binding.ConfigVarTag)
	}
	if value, tagged := tags[binding.TokenTag]; tagged && !secretID.MatchString(value) {
		wrong = append(wrong, binding.TokenTag)
	}
	for tag, options := range map[string][]string{
		binding.FormatTag: {"json", "url"}, binding.VerifyTag: {"login", "off"}, binding.SyncTag: {"on", "off"},
	} {
		if value, tagged := tags[tag]; tagged && !slices.Contains(options, value) {
			wrong = append(wrong, tag)
		}
	}
	return wrong
}

// named fails the test unless the error has one line for each wrong tag, and
// nothing in it that could end a line of a log.
func named(t *testing.T, err error, wrong []string) {
	t.Helper()
	if err == nil {
		t.Fatalf("accepted in spite of %v", wrong)
	}
	if !errors.Is(err, binding.ErrTag) {
		t.Errorf("not a matter of tags: %v", err)
	}
	lines := strings.Split(strings.TrimPrefix(err.Error(), binding.ErrTag.Error()+": "), "\n")
	if len(lines) != len(wrong) {
		t.Errorf("%d lines about %v: %v", len(lines), wrong, err)
	}
	for _, tag := range wrong {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "tag "+tag+" is ") }) {
			t.Errorf("%s is not named in: %v", tag, err)
		}
	}
}

package reconcile_test

import (
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keepcurrent.example/internal/reconcile"
)

// identity is Heroku's published schema of an app's name, or a UUID.
var identity = regexp.MustCompile(`\A(?:[a-z][a-z0-9-]{1,28}[a-z0-9]|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\z`)

// credentials are those that are told by their form in any tag but that of the app, and
// passwords those that no config var is called.
var (
	credentials = regexp.MustCompile(`\A(?:HRKU-|Bearer )|://|-----BEGIN|\A[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\z`)
	passwords   = regexp.MustCompile(`\A[a-z]*[0-9][0-9a-z]*\z`) // of 32 characters or more
)

// FuzzTags takes any texts for the values of the tags. present says, a bit for
// each, which of the tags there are at all.
func FuzzTags(f *testing.F) {
	const all = ^uint16(0)
	f.Add(uint16(1), "shop", "", "", "", "", "", "", "")
	f.Add(all, "01234567-89ab-cdef-0123-456789abcdef", "OTHER_URL", "url", "postgresql", "off", "shop/certificate", "off", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:b-a1B2c3")
	f.Add(uint16(0x57), "s-1", "DATABASE_URL", "json", "", "login", "", "on", "")
	f.Add(all, "../account", "", "xml", "mysql", "LOGIN", "", "yes", "a b")
	f.Add(uint16(0), "shop", "A\n", "url\x00", "\xff", "\xff", `"`, "", "")
	f.Add(all, "shop", "A_URL", "json", "postgres", "server", "shop/root", "on", "a/b")
	f.Add(uint16(1), "shop\n", "", "", "", "", "", "", "")
	f.Add(all, "shop", "postgres://u:pEXAMPLE@h/d", "url", "", "off", "01234567-89ab-cdef-0123-456789abcdef", "off", "HRKU-EXAMPLE")
	f.Add(uint16(1), strings.Repeat("a", 31), "", "", "", "", "", "", "")
	f.Fuzz(func(t *testing.T, present uint16, app, configVar, format, scheme, verify, clientTLS, sync, token string) {
		tags := make(map[string]string)
		for i, tag := range []struct{ name, value string }{
			{reconcile.AppTag, app}, {reconcile.ConfigVarTag, configVar}, {reconcile.FormatTag, format}, {reconcile.SchemeTag, scheme},
			{reconcile.VerifyTag, verify}, {reconcile.ClientTLSTag, clientTLS}, {reconcile.SyncTag, sync}, {reconcile.TokenTag, token},
		} {
			if present>>i&1 == 1 {
				tags[tag.name] = tag.value
			}
		}
		b, err := reconcile.ParseBinding(reconcile.Secret{Tags: tags})
		if wrong := wrongTags(tags); len(wrong) > 0 {
			named(t, err, wrong)
			return
		}
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		if !reflect.DeepEqual(b, asTagged(tags)) || !b.Valid() {
			t.Errorf("it is not what the tags say: %+v", b)
		}
	})
}

// wrongTags says the README's table of tags once more.
func wrongTags(tags map[string]string) []string {
	var wrong []string
	if !identity.MatchString(tags[reconcile.AppTag]) {
		wrong = append(wrong, reconcile.AppTag)
	}
	for tag, options := range map[string]string{
		reconcile.ConfigVarTag: `(?s).+`, reconcile.FormatTag: `json|url`, reconcile.SchemeTag: `postgres|postgresql`,
		reconcile.VerifyTag: `login|server|off`, reconcile.SyncTag: `on|off`,
		reconcile.TokenTag: `[A-Za-z0-9/_+=.@:-]+`, reconcile.ClientTLSTag: `[A-Za-z0-9/_+=.@:-]+`,
	} {
		value, tagged := tags[tag]
		if tagged && (!regexp.MustCompile(`\A(?:`+options+`)\z`).MatchString(value) || credentials.MatchString(value) ||
			tag == reconcile.ConfigVarTag && len(value) >= 32 && passwords.MatchString(value)) {
			wrong = append(wrong, tag)
		}
	}
	return wrong
}

// asTagged is the binding that the tags say, if none of them is wrong.
func asTagged(tags map[string]string) reconcile.Binding {
	or := func(tag, untagged string) string {
		if value, tagged := tags[tag]; tagged {
			return value
		}
		return untagged
	}
	return reconcile.Binding{
		Secret:    reconcile.Secret{Tags: tags},
		Source:    reconcile.Source{App: tags[reconcile.AppTag], TokenSecretID: tags[reconcile.TokenTag]},
		ConfigVar: or(reconcile.ConfigVarTag, "DATABASE_URL"),
		Format:    reconcile.Format(or(reconcile.FormatTag, "json")),
		Scheme:    tags[reconcile.SchemeTag],
		Verify:    reconcile.Verify(or(reconcile.VerifyTag, "login")),
		ClientTLS: tags[reconcile.ClientTLSTag],
		Sync:      tags[reconcile.SyncTag] != "off",
	}
}

// named fails the test unless the error has one line for each wrong tag, and
// nothing in it that could end a line of a log.
func named(t *testing.T, err error, wrong []string) {
	t.Helper()
	if err == nil {
		t.Fatalf("accepted in spite of %v", wrong)
	}
	if !errors.Is(err, reconcile.ErrTag) {
		t.Errorf("not a matter of tags: %v", err)
	}
	lines := strings.Split(strings.TrimPrefix(err.Error(), reconcile.ErrTag.Error()+": "), "\n")
	if len(lines) != len(wrong) {
		t.Errorf("%d lines about %v: %v", len(lines), wrong, err)
	}
	for _, tag := range wrong {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "tag "+tag+" is ") }) {
			t.Errorf("%s is not named in: %v", tag, err)
		}
	}
}

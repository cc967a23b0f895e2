package reconcile_test

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keepcurrent.example/internal/reconcile"
)

// identity is Heroku's published schema of an app's name, or a UUID.
var identity = regexp.MustCompile(`\A(?:[a-z][a-z0-9-]{1,28}[a-z0-9]|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\z`)

// credentials are those that are recognized by their form in any tag but that of the app:
// by what they begin with, as a URL, or as a long run of letters and digits.
var (
	credentials = regexp.MustCompile(`\A(?i:HRKU-|Bearer )|://|-----BEGIN|\A[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\z`)
	longRuns    = regexp.MustCompile(`[0-9A-Za-z]{32,}`)
	base64Runs  = regexp.MustCompile(`[0-9A-Za-z/+]{32,}`)
	tokenRuns   = regexp.MustCompile(`[0-9A-Za-z_-]{58,}`)
	mixed       = regexp.MustCompile(`[0-9][A-Za-z]|[A-Za-z][0-9]`)
	otherKind   = regexp.MustCompile(`[a-z][A-Z0-9]|[A-Z][a-z0-9]|[0-9][A-Za-z]`)
)

// isCredential says the rule once more, by regular expressions.
func isCredential(value string) bool {
	isRandom := func(run string, percent int) bool {
		changes := 0
		for i := 1; i < len(run); i++ {
			if otherKind.MatchString(run[i-1 : i+1]) {
				changes++
			}
		}
		return strings.ContainsAny(run, "0123456789") && strings.ToLower(run) != run && strings.ToUpper(run) != run && changes*100 >= percent*len(run)
	}
	return credentials.MatchString(value) || slices.ContainsFunc(longRuns.FindAllString(value, -1), mixed.MatchString) ||
		slices.ContainsFunc(base64Runs.FindAllString(value, -1), func(run string) bool { return isRandom(run, 30) }) ||
		slices.ContainsFunc(tokenRuns.FindAllString(value, -1), func(run string) bool { return isRandom(run, 45) })
}

// tagsOf reads tags out of a text: records that end in a line of two dashes, each of which
// begins with the number of the tag in [reconcile.Tags], as a character: '0', and so on in
// the order of ASCII. A further tag changes no text.
func tagsOf(text string) map[string]string {
	tags := make(map[string]string)
	for record := range strings.SplitSeq(text, "\n--\n") {
		if record != "" {
			tags[reconcile.Tags[int(record[0]-'0')%len(reconcile.Tags)]] = record[1:]
		}
	}
	return tags
}

// records is the text of which tagsOf makes these values, in the order of [reconcile.Tags].
func records(values ...string) string {
	for i := range values {
		values[i] = string(rune('0'+i)) + values[i]
	}
	return strings.Join(values, "\n--\n")
}

// FuzzTags takes any texts for the values of the tags.
func FuzzTags(f *testing.F) {
	f.Add(records(examples()...))
	f.Add(records("shop"))
	f.Add(records("01234567-89ab-cdef-0123-456789abcdef", "OTHER_URL", "url", "postgresql", "off", "shop/certificate", "off", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:b-a1B2c3"))
	f.Add("0s-1\n--\n1DATABASE_URL\n--\n2json\n--\n4login\n--\n6on")
	f.Add(records("../account", "", "xml", "mysql", "LOGIN", "", "yes", "a b"))
	f.Add("1A\n\n--\n2url\x00\n--\n3\xff\n--\n5\"")
	f.Add(records("shop", "A_URL", "json", "postgres", "server", "shop/root", "on", "a/b"))
	f.Add(records("shop", "A_URL B_URL", "key", "postgres", "login", "shop/root", "on", "a/b", "a b"))
	f.Add(records("shop", "A_URL  A_URL", "key", "postgres", "login", "shop/root", "on", "a/b", "a a"))
	f.Add(records("shop", "A_URL B_URL", "json", "postgres", "login", "shop/root", "on", "a/b", "password"))
	f.Add("0shop\n--\n2url\n--\n8a")
	f.Add("0shop\n--\n8host")
	f.Add("0shop\n--\n9unchanged")
	f.Add("0shop\n--\n9prefer")
	f.Add(records("shop\n"))
	f.Add(records("shop/../../account"))
	f.Add(records("shop", "postgres://u:pEXAMPLE@h/d", "url", "", "off", "01234567-89ab-cdef-0123-456789abcdef", "off", "HRKU-EXAMPLE"))
	f.Add(records(strings.Repeat("a", 31)))
	f.Add(records("my shop", "user:passwordEXAMPLE@h:5432/d", "hunter2EXAMPLE", "hrku-example", "swordfish-EXAMPLE-1", "user:EXAMPLE@h", "EXAMPLE1", strings.Repeat("EXAMPLE1", 8)))
	f.Add(records("shop", "DATABASE_URL=EXAMPLE1", "json", "postgres", "off", "arn:aws:secretsmanager:eu-west-1:123456789012:b", "on", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))
	f.Fuzz(func(t *testing.T, text string) {
		tags := tagsOf(text)
		b, err := parseOne(reconcile.Secret{Tags: tags})
		if wrong := wrongTags(tags); len(wrong) > 0 {
			named(t, err, wrong)
			b.Tags = nil
			notShown(t, fmt.Sprintf("%v %+v", err, b), tags, wrong)
			return
		}
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		if !reflect.DeepEqual(b, asTagged(tags)) || !b.Valid() {
			t.Errorf("it is not what asTagged reads from the tags:\n%+v\n%+v", b, asTagged(tags))
		}
	})
}

// secretID is the name or the ARN of a secret.
const secretID = `(?:arn:[a-z0-9-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:)?[A-Za-z0-9/_+=.@-]+`

// tagRules say the table of tags in docs/reference.md once more: what each can be, and one
// such value that is not the default. FuzzTags begins with all of these values at once, so
// asTagged must know each tag.
var tagRules = map[string]struct{ form, example string }{
	reconcile.AppTag:       {identity.String(), "blog"},
	reconcile.ConfigVarTag: {`[A-Za-z_][A-Za-z0-9_]{0,99}`, "OTHER_URL"},
	reconcile.FormatTag:    {`json|url|key`, "key"},
	reconcile.SchemeTag:    {`postgres|postgresql`, "postgresql"},
	reconcile.VerifyTag:    {`login|server|off`, "server"},
	reconcile.ClientTLSTag: {secretID, "shop/root"},
	reconcile.SyncTag:      {`on|off`, "off"},
	reconcile.TokenTag:     {secretID, "team/b"},
	reconcile.SSLModeTag:   {`require|unchanged`, "unchanged"},
	reconcile.KeyTag:       {`[A-Za-z0-9_][A-Za-z0-9_+=./@-]{0,99}`, "main"},
}

// examples are the values of tagRules, in the order of [reconcile.Tags].
func examples() []string {
	values := make([]string, len(reconcile.Tags))
	for i, tag := range reconcile.Tags {
		values[i] = tagRules[tag].example
	}
	return values
}

func TestEveryTagHasARule(t *testing.T) {
	t.Parallel()
	parsed := func(tags map[string]string) reconcile.Binding {
		b, err := parseOne(reconcile.Secret{Tags: tags})
		if err != nil {
			t.Error(err)
		}
		b.Tags = nil
		return b
	}
	untagged := parsed(map[string]string{reconcile.AppTag: "shop"})
	for _, tag := range reconcile.Tags {
		rule := tagRules[tag]
		if rule.form == "" || rule.example == "" {
			t.Errorf("tagRules does not say what %s can be, with an example: FuzzTags needs both", tag)
			continue
		}
		tags := map[string]string{reconcile.AppTag: "shop"}
		tags[tag] = rule.example
		if reflect.DeepEqual(parsed(tags), untagged) {
			t.Errorf("%s=%s leaves the binding as it is without the tag: ParseBindings does not read the tag, or the example is the default", tag, rule.example)
		}
	}
}

// lists are the tags that can have several values, with blanks between them.
var lists = []string{reconcile.ConfigVarTag, reconcile.KeyTag}

func wrongTags(tags map[string]string) (wrong []string) {
	for tag := range tagRules {
		if value, tagged := tags[tag]; (tagged || tag == reconcile.AppTag) && !isRight(tag, value, tags) {
			wrong = append(wrong, tag)
		}
	}
	return wrong
}

func isRight(tag, value string, tags map[string]string) bool {
	values := []string{value}
	format, tagged := tags[reconcile.FormatTag]
	isURL, isJSON := format == "url", format == "json" || !tagged
	if slices.Contains(lists, tag) && (tag == reconcile.KeyTag || !isURL && !isJSON) {
		values = strings.Fields(value)
	}
	for i, one := range values {
		if !regexp.MustCompile(`\A(?:`+tagRules[tag].form+`)\z`).MatchString(one) || tag != reconcile.AppTag && isCredential(one) || slices.Contains(values[:i], one) {
			return false
		}
	}
	if tag == reconcile.ConfigVarTag && len(values) > 20 {
		return false
	}
	vars, named := tags[reconcile.ConfigVarTag]
	if !named {
		vars = "DATABASE_URL"
	}
	switch {
	case len(values) == 0:
		return false
	case tag != reconcile.KeyTag:
		return true
	case isURL:
		return false
	case isRight(reconcile.ConfigVarTag, vars, tags) && len(strings.Fields(vars)) != len(values):
		return false
	}
	return !isJSON || !slices.Contains([]string{"engine", "host", "port", "username", "password", "dbname"}, values[0])
}

// asTagged is the binding that the tags say, if none of them is wrong.
func asTagged(tags map[string]string) reconcile.Binding {
	or := func(tag, untagged string) string {
		if value, tagged := tags[tag]; tagged {
			return value
		}
		return untagged
	}
	first := func(text string) string { return strings.Fields(text)[0] }
	return reconcile.Binding{
		Secret:    reconcile.Secret{Tags: tags},
		Source:    reconcile.Source{App: tags[reconcile.AppTag], TokenSecretID: tags[reconcile.TokenTag]},
		ConfigVar: first(or(reconcile.ConfigVarTag, "DATABASE_URL")),
		Key:       first(or(reconcile.KeyTag, or(reconcile.ConfigVarTag, "DATABASE_URL"))),
		Format:    reconcile.Format(or(reconcile.FormatTag, "json")),
		Scheme:    tags[reconcile.SchemeTag],
		SSLMode:   reconcile.SSLMode(or(reconcile.SSLModeTag, "require")),
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
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "tag "+tag+" ") }) {
			t.Errorf("%s is not named in: %v", tag, err)
		}
	}
}

// notShown fails the test if a wrong value is shown that is not a short word. Other values
// in its place tell which words are in the text anyway.
func notShown(t *testing.T, shown string, tags map[string]string, wrong []string) {
	t.Helper()
	word := regexp.MustCompile(`\A[A-Za-z-]{0,12}\z`)
	for _, tag := range wrong {
		others := maps.Clone(tags)
		others[tag] = "HRKU-"
		b, asToken := parseOne(reconcile.Secret{Tags: others})
		others[tag] = strings.Repeat("*", len(tags[tag]))
		_, asText := parseOne(reconcile.Secret{Tags: others})
		b.Tags = nil
		anyway := fmt.Sprintf("%v %v %+v", asToken, asText, b)
		if value := tags[tag]; !word.MatchString(value) && strings.Contains(shown, value) && !strings.Contains(anyway, value) {
			t.Errorf("%s is shown in: %s", tag, shown)
		}
	}
}

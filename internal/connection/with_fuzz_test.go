package connection_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

// A piece is a member of an object, as [split] finds it: its name, and where its value
// stands.
type piece struct {
	name     string
	from, to int
}

// split finds the members of a valid object by its quotes and brackets. It shares nothing
// with the code that it judges.
func split(raw string) (pieces []piece) {
	const blanks = " \t\r\n"
	skip := func(i int, what string) int {
		for strings.IndexByte(what, raw[i]) >= 0 {
			i++
		}
		return i
	}
	text := func(i int) int { // behind the text that begins here
		for i++; raw[i] != '"'; i++ {
			if raw[i] == '\\' {
				i++
			}
		}
		return i + 1
	}
	for i := skip(0, blanks+"{"); raw[i] != '}'; i = skip(i, blanks+",") {
		end := text(i)
		var p piece
		if json.Unmarshal([]byte(raw[i:end]), &p.name) != nil {
			panic("a name that is no text")
		}
		i = skip(end, blanks+":")
		p.from = i
		for depth := 0; depth > 0 || i == p.from || !strings.ContainsRune(blanks+",}", rune(raw[i])); {
			switch raw[i] {
			case '"':
				i = text(i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			i++
		}
		p.to = i
		pieces = append(pieces, p)
	}
	return pieces
}

// isObject says whether a text is one JSON object. ok is false where it is nested so deeply
// that two decoders may say different things.
func isObject(raw string) (is, ok bool) {
	if strings.Count(raw, "[")+strings.Count(raw, "{") > 9_000 {
		return false, false
	}
	return json.Valid([]byte(raw)) && strings.HasPrefix(strings.TrimLeft(raw, " \t\r\n"), "{"), true
}

// FuzzWith takes any text for the value of a secret, and plants our key at any place of it.
func FuzzWith(f *testing.F) {
	add := func(value, name, password string, place byte) {
		if len(value) < 1000 { // the table has the large ones; they would slow this down
			f.Add(value, name, password, place)
		}
	}
	for _, tt := range takes {
		for place := range byte(4) {
			add(tt.before+tt.old+tt.after, "KEY", "pEXAMPLE/&\"\\\u2028", place)
		}
		add(tt.before+tt.old+tt.after, key, "pEXAMPLE", 128)
	}
	for _, tt := range takesNot {
		add(tt.value, key, "pEXAMPLE", 0)
	}
	f.Fuzz(func(t *testing.T, raw, name, password string, place byte) {
		name = strings.ReplaceAll(strings.ToValidUTF8(name, ""), "\ufffd", "") // as every bad name of others is read
		at := url.URL{Scheme: "postgres", User: url.UserPassword("u1", password), Host: "h", Path: "/d1"}
		u, err := connection.Parse(credential.New(at.String()))
		if err != nil {
			u = parse(t, ours)
		}
		taken(t, raw, name, u)
		if is, ok := isObject(raw); is && ok {
			taken(t, planted(raw, name, place), name, u)
		}
	})
}

// planted returns the object with a member of that name at a place among the others.
func planted(raw, name string, place byte) string {
	old := []string{`"old"`, `null`, `[{"a":"}"}]`, ` -1.50e+9 `}[place%4]
	quoted, _ := json.Marshal(name)
	if place >= 128 { // spelt by escapes
		var escaped strings.Builder
		for _, char := range name {
			if char > 0xffff {
				escaped.WriteRune(char)
				continue
			}
			fmt.Fprintf(&escaped, `\u%04x`, char)
		}
		quoted = []byte(`"` + escaped.String() + `"`)
	}
	pieces := split(raw)
	n := int(place/4) % (len(pieces) + 1)
	own := string(quoted) + " : " + old
	switch {
	case len(pieces) == 0:
		brace := strings.IndexByte(raw, '{') + 1
		return raw[:brace] + own + raw[brace:]
	case n == 0:
		brace := strings.IndexByte(raw, '{') + 1
		return raw[:brace] + own + "," + raw[brace:]
	}
	end := pieces[n-1].to
	return raw[:end] + ",\n" + own + raw[end:]
}

// taken fails the test unless the value takes the member and all else keeps its bytes, or
// is refused for a reason that is true.
func taken(t *testing.T, raw, name string, u connection.URL) {
	t.Helper()
	value, text := credential.New(raw), u.Text()
	got, err := connection.With(value, name, text)
	is, sure := isObject(raw)
	switch {
	case !sure:
		return
	case strings.TrimSpace(raw) == "":
		raw, is = "{}", true
	}
	if is == errors.Is(err, connection.ErrNotObject) {
		t.Fatalf("an object: %t, %v: %q", is, err, raw)
	}
	if !is {
		return
	}
	want, times := expected(raw, name, text.Reveal())
	if times > 1 != errors.Is(err, connection.ErrTwice) {
		t.Fatalf("%q is named %d times, %v: %q", name, times, err, raw)
	}
	if tooLarge := times < 2 && len(want) > 65_536; tooLarge != errors.Is(err, connection.ErrTooLarge) {
		t.Fatalf("%d bytes, %v", len(want), err)
	}
	if err != nil {
		return
	}
	if got.Reveal() != want {
		t.Fatalf("got  %q\nwant %q", got.Reveal(), want)
	}
	othersOf(t, raw, want, name)
	if back, err := connection.Member(got, name); err != nil || !same(u, back) {
		t.Fatalf("the URL does not come back: %v: %q", err, got.Reveal())
	}
	if again, err := connection.With(got, name, text); err != nil || !again.Equal(got) {
		t.Fatalf("a second time it is another one: %v: %q", err, again.Reveal())
	}
	if !connection.MembersOf(got).Contain(connection.MemberOf(name, text)) {
		t.Fatalf("the digests do not show it: %q", got.Reveal())
	}
}

// expected is what the value must be with the member, and how often it names it now.
func expected(raw, name, text string) (want string, times int) {
	var spelt, quoted bytes.Buffer
	for what, out := range map[string]*bytes.Buffer{text: &spelt, name: &quoted} {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(what); err != nil {
			panic(err)
		}
		out.Truncate(out.Len() - 1)
	}
	pieces := split(raw)
	for _, p := range pieces {
		if p.name == name {
			times++
			want = raw[:p.from] + spelt.String() + raw[p.to:]
		}
	}
	own := quoted.String() + ":" + spelt.String()
	switch {
	case times > 0:
	case len(pieces) == 0:
		brace := strings.IndexByte(raw, '}')
		want = raw[:brace] + own + raw[brace:]
	default:
		end := pieces[len(pieces)-1].to
		want = raw[:end] + "," + own + raw[end:]
	}
	return want, times
}

// othersOf fails the test unless both objects have the same others, in the same order, and
// unless a decoder that knows nothing of places agrees.
func othersOf(t *testing.T, before, after, name string) {
	t.Helper()
	list := func(raw string) (others []string) {
		for _, p := range split(raw) {
			if p.name != name {
				others = append(others, p.name+"\x00"+raw[p.from:p.to])
			}
		}
		return others
	}
	object := func(raw string) (object map[string]json.RawMessage) {
		if err := json.Unmarshal([]byte(raw), &object); err != nil {
			t.Fatalf("it is no JSON any more: %v: %q", err, raw)
		}
		delete(object, name)
		return object
	}
	if was, is := fmt.Sprintf("%q", list(before)), fmt.Sprintf("%q", list(after)); was != is {
		t.Fatalf("the others were %s and are %s", was, is)
	}
	if was, is := fmt.Sprintf("%q", object(before)), fmt.Sprintf("%q", object(after)); was != is {
		t.Fatalf("a decoder reads %s in place of %s", is, was)
	}
}

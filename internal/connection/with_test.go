package connection_test

import (
	"errors"
	"strings"
	"testing"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

const (
	key    = "db"
	ours   = "postgres://u1:pEXAMPLE@h/d1?a=1&b=%22&sslmode=require"
	spelt  = `"` + ours + `"`
	member = `"` + key + `":` + spelt
)

// deep is a value with that many lists in each other.
func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// takes are objects that can take the member. The text is before, old, after; the value
// afterwards is before, now, after.
var takes = map[string]struct{ before, old, after, now string }{
	"empty":                       {"", "", "", "{" + member + "}"},
	"blanks":                      {"", " \r\n\t ", "", "{" + member + "}"},
	"an empty object":             {"{", "", "}", member},
	"an empty object of blanks":   {" {\r\n ", "", "}\r\n", member},
	"alone":                       {`{"db":`, `"old"`, `}`, spelt},
	"first":                       {`{"db":`, `"old"`, `,"a":1,"b":2}`, spelt},
	"in the middle":               {`{"a":1,"db":`, `"old"`, `,"b":2}`, spelt},
	"last":                        {`{"a":1,"b":2,"db":`, `"old"`, `}`, spelt},
	"absent":                      {`{"a":1,"b":2`, "", `}`, "," + member},
	"absent, blanks before }":     {"{\n  \"a\": 1,\n  \"b\": 2", "", "\n}\n", "," + member},
	"white space everywhere":      {"\t{\n\"a\" \r\n:\t1 , \"db\" \t:\r\n ", `"old"`, " \n,\"b\" :2 } \n", spelt},
	"CRLF":                        {"{\r\n  \"a\": \"x\",\r\n  \"db\": ", `"old"`, ",\r\n  \"b\": [1,\r\n2]\r\n}\r\n", spelt},
	"an escaped name":             {`{"\u0064\u0062":`, `"old"`, `,"a":1}`, spelt},
	"a name in capitals":          {`{"DB":"theirs"`, "", `}`, "," + member},
	"our name within a name":      {`{"db2":1,"xdb":2,"\"db\"":3,"db ":4`, "", `}`, "," + member},
	"our name within a value":     {`{"a":"\"db\":\"x\"","b":{"db":"theirs"},"c":["db","x"],"db":`, `"old"`, `}`, spelt},
	"our name only within":        {`{"b":{"db":"theirs","c":{"db":1}}`, "", `}`, "," + member},
	"ours is null":                {`{"db":`, `null`, `,"a":null}`, spelt},
	"ours is a number":            {`{"db": `, `-1.50e+3`, ` ,"a":1}`, spelt},
	"ours is true":                {`{"db":`, `true`, `}`, spelt},
	"ours is an object":           {`{"a":1,"db":`, `{ "db":"x", "}":"{" }`, ` , "b":2}`, spelt},
	"ours is a list":              {`{"db":`, `[[],{},"]"]`, `,"a":1}`, spelt},
	"ours has quotes and escapes": {`{"db":`, `"a\"b\\\"c\\"`, `,"a":"\\"}`, spelt},
	"numbers": {`{"a":1.50,"b":1e400,"c":12345678901234567890,"d":-0,"e":-0.0E-07,"f":0.1000000000000000055511151231257827,"db":`,
		`"old"`, `,"g":1E+2,"h":100000000000000000000000}`, spelt},
	"escapes": {`{"a":"\u0041\/\b\f\n\r\t\\\"","b":"\ud83d\ude00","c":"😀","d":"\u0000","e":"\u2028` + "\u2028" + `","db":`,
		`"old"`, `,"f":"<>&\u003c"}`, spelt},
	"lone surrogates":          {`{"\ud800":"\udc00","a":"\ud83dx","db":`, `"\ud800"`, `,"b":"\ude00\ud83d"}`, spelt},
	"bytes that are not UTF-8": {"{\"a\":\"\xff\xfe\",\"\xc3\":\"\xed\xa0\x80\",\"db\":", "\"\xff\"", ",\"b\":\"\x7f\xa0\"}", spelt},
	"others named twice":       {`{"a":1,"a":2,"db":`, `"old"`, `,"a":3,"":4,"":5}`, spelt},
	"an empty name":            {`{"":"x"`, "", `}`, "," + member},
	"nested":                   {`{"a":{"b":{"c":[{"d":[]},{},[{}]]}},"db":`, `"old"`, `,"e":[[["x"]]]}`, spelt},
	"deeply nested":            {`{"a":` + deep(9000) + `,"db":`, deep(9000), `,"b":` + deep(9000) + `}`, spelt},
	"braces in texts":          {`{"a":"}","b":"{\"","c":"],","db":`, `"}"`, `,"d":"{"}`, spelt},
	"a Redis beside it":        {`{"REDIS_URL":"rediss://:pEXAMPLE@h:6380","db":`, `"old"`, `}`, spelt},
	"65,536 bytes afterwards":  {`{"a":"` + strings.Repeat("x", 65_536-len(`{"a":"","db":`+spelt+`}`)) + `","db":`, `"old"`, `}`, spelt},
	"65,536 bytes, and absent": {`{"a":"` + strings.Repeat("x", 65_536-len(`{"a":"",`+member+`}`)) + `"`, "", `}`, "," + member},
	"too large before":         {`{"db":"`, strings.Repeat("x", 70_000), `"}`, ours},
}

func TestAllOtherMembersKeepTheirBytesAndTheirOrder(t *testing.T) {
	t.Parallel()
	for name, tt := range takes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			there, want := credential.New(tt.before+tt.old+tt.after), credential.New(tt.before+tt.now+tt.after)
			got, err := connection.With(there, key, credential.New(ours))
			if err != nil || !got.Equal(want) {
				t.Fatalf("%v\ngot  %s\nwant %s", err, got.Reveal(), want.Reveal())
			}
			if again, err := connection.With(got, key, credential.New(ours)); err != nil || !again.Equal(got) {
				t.Errorf("a second time it is another one: %v, %s", err, again.Reveal())
			}
			if u, err := connection.Member(got, key); err != nil || u.Text().Reveal() != ours {
				t.Errorf("the URL does not come back: %v", err)
			}
			if !connection.MembersOf(got).Contain(connection.MemberOf(key, credential.New(ours))) {
				t.Error("the digests do not show it")
			}
		})
	}
}

// takesNot are values that cannot take the member.
var takesNot = map[string]struct {
	value string
	why   error
}{
	"a text":                            {"postgres://u1:pEXAMPLE@h/d1", connection.ErrNotObject},
	"a JSON text":                       {`"{}"`, connection.ErrNotObject},
	"a list":                            {`[{"db":"x"}]`, connection.ErrNotObject},
	"a list of a key and a URL":         {`["db","postgres://u1:pEXAMPLE@h/d1"]`, connection.ErrNotObject},
	"null":                              {`null`, connection.ErrNotObject},
	"a byte order mark":                 {"\ufeff{}", connection.ErrNotObject},
	"a byte order mark alone":           {"\ufeff", connection.ErrNotObject},
	"cut in a value":                    {`{"a":"b`, connection.ErrNotObject},
	"cut behind a value":                {`{"a":"b"`, connection.ErrNotObject},
	"cut behind a name":                 {`{"a"`, connection.ErrNotObject},
	"cut behind a colon":                {`{"a":`, connection.ErrNotObject},
	"cut behind a comma":                {`{"a":1,`, connection.ErrNotObject},
	"an opening brace":                  {`{`, connection.ErrNotObject},
	"a comma before the end":            {`{"a":1,}`, connection.ErrNotObject},
	"a comma at the beginning":          {`{,"a":1}`, connection.ErrNotObject},
	"no comma":                          {`{"a":1 "db":"x"}`, connection.ErrNotObject},
	"no colon":                          {`{"a" 1}`, connection.ErrNotObject},
	"a bracket for the brace":           {`{"a":1]`, connection.ErrNotObject},
	"names without quotes":              {`{a:1}`, connection.ErrNotObject},
	"names that are numbers":            {`{1:2}`, connection.ErrNotObject},
	"single quotes":                     {`{'a':1}`, connection.ErrNotObject},
	"a comment":                         {`{"a":1} // theirs`, connection.ErrNotObject},
	"a comment within":                  {`{"a":1 /* theirs */}`, connection.ErrNotObject},
	"a number that JSON has not":        {`{"a":01}`, connection.ErrNotObject},
	"NaN":                               {`{"a":NaN}`, connection.ErrNotObject},
	"a control character in a text":     {"{\"a\":\"x\ny\"}", connection.ErrNotObject},
	"an escape that JSON has not":       {`{"a":"\x41"}`, connection.ErrNotObject},
	"two objects":                       {`{"a":"b"}{}`, connection.ErrNotObject},
	"two objects on two lines":          {"{\"a\":1}\n{\"db\":\"x\"}\n", connection.ErrNotObject},
	"a brace behind it":                 {`{"a":1}}`, connection.ErrNotObject},
	"a zero byte behind it":             {"{}\x00", connection.ErrNotObject},
	"a blank behind it that is no JSON": {"{}\u00a0", connection.ErrNotObject},
	"too deeply nested":                 {`{"a":` + deep(10_001) + `}`, connection.ErrNotObject},
	"twice":                             {`{"db":"x","db":"x"}`, connection.ErrTwice},
	"twice, apart":                      {`{"db":"x","a":1,"db":2}`, connection.ErrTwice},
	"twice, once escaped":               {`{"db":"x","\u0064b":null}`, connection.ErrTwice},
	"one byte too many":                 {`{"a":"` + strings.Repeat("x", 65_537-len(`{"a":"","db":`+spelt+`}`)) + `","db":"old"}`, connection.ErrTooLarge},
	"one byte too many, and absent":     {`{"a":"` + strings.Repeat("x", 65_537-len(`{"a":"",`+member+`}`)) + `"}`, connection.ErrTooLarge},
}

func TestAValueThatCannotTakeTheMemberIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range takesNot {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := connection.With(credential.New(tt.value), key, credential.New(ours))
			if !errors.Is(err, tt.why) || !got.Empty() || strings.Contains(err.Error(), "EXAMPLE") {
				t.Errorf("got %q, %v", got.Reveal(), err)
			}
			if u, err := connection.Member(credential.New(tt.value), key); errors.Is(tt.why, connection.ErrNotObject) && err == nil {
				t.Errorf("it has a URL: %q", u.Text().Reveal())
			}
		})
	}
}

func TestAMemberThatHoldsNoURLIsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	for _, value := range []string{``, `{}`, `{"a":"postgres://u1:pEXAMPLE@h/d1"}`, `{"db":null}`, `{"db":1}`, `{"db":["postgres://u1:pEXAMPLE@h/d1"]}`, `{"db":""}`, `{"db":"pEXAMPLE"}`} {
		if u, err := connection.Member(credential.New(value), key); err == nil || strings.Contains(err.Error(), "EXAMPLE") || !u.Text().Empty() {
			t.Errorf("%s: %v", value, err)
		}
	}
}

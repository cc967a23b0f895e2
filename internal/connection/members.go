package connection

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"keepcurrent.example/internal/credential"
)

// Members are digests of a secret's value: one for each member of a JSON object, by
// name, or one for the whole text. They show whether two values differ, and do not show the values.
type Members map[string][sha256.Size]byte

// text is the name of a value that is no object; the names of members have a dot before.
const text = ""

// twice stands for a member that an object names more than once: some readers use the
// first, some the last. It is equal to none.
var twice [sha256.Size]byte

// MembersOf returns the digests of a value. Two members are equal if their JSON means
// the same, however it is spelt; numbers are compared as they are written.
func MembersOf(value credential.Value) Members {
	raw := value.Reveal()
	found, isObject := scan(raw)
	if !isObject && strings.TrimSpace(raw) != "" {
		return Members{text: sha256.Sum256([]byte(raw))}
	}
	members := make(Members, len(found))
	for _, m := range found {
		key := "." + m.name
		if _, known := members[key]; known {
			members[key] = twice
		} else {
			members[key] = digest(raw[m.from:m.to])
		}
	}
	return members
}

// MemberOf returns what [MembersOf] returns for an object with one member, a text.
func MemberOf(name string, value credential.Value) Members {
	return Members{"." + name: digest(quote(value.Reveal()))}
}

// Only returns the members of these names, and the digest of a value that is no object.
func (m Members) Only(names ...string) Members {
	some := make(Members)
	if whole, isText := m[text]; isText {
		some[text] = whole
	}
	for _, name := range names {
		if digest, there := m["."+name]; there {
			some["."+name] = digest
		}
	}
	return some
}

// digest is that of what a JSON value means.
func digest(raw string) [sha256.Size]byte {
	decoder := json.NewDecoder(strings.NewReader(raw))
	decoder.UseNumber()
	var decoded any
	if decoder.Decode(&decoded) != nil {
		return twice // the scan has read it already
	}
	spelt, err := json.Marshal(decoded)
	if err != nil {
		return twice
	}
	return sha256.Sum256(spelt)
}

// Contain reports whether all of others are there, and equal.
func (m Members) Contain(others Members) bool {
	for name, digest := range others {
		if own, there := m[name]; !there || own != digest || own == twice {
			return false
		}
	}
	return true
}

// Why a value cannot take a member beside its others. Only a person can tell what was meant.
var (
	ErrNotObject = errors.New("the secret's value is not one JSON object")
	ErrTwice     = errors.New("the secret's value names the key twice")
	ErrTooLarge  = errors.New("the secret's value would have more than the 65,536 bytes that AWS takes")
)

// maxValue is how many bytes the value of a secret may have
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
const maxValue = 65_536

// With returns value, a JSON object, with a text as its member of that name. The text replaces
// that member, or is appended behind the others. All else keeps its bytes. An empty value
// becomes an object. The error is [ErrNotObject], [ErrTwice] or [ErrTooLarge].
func With(value credential.Value, name string, member credential.Value) (credential.Value, error) {
	raw := value.Reveal()
	if strings.TrimSpace(raw) == "" {
		raw = "{}"
	}
	found, isObject := scan(raw)
	if !isObject {
		return credential.Value{}, ErrNotObject
	}
	from, to := -1, -1
	for _, m := range found {
		switch {
		case m.name != name:
		case from >= 0:
			return credential.Value{}, ErrTwice
		default:
			from, to = m.from, m.to
		}
	}
	spelt := quote(member.Reveal())
	if from < 0 { // it goes before the brace that closes the object, or behind the last member
		from = strings.LastIndexByte(raw, '}')
		spelt = quote(name) + ":" + spelt
		if len(found) > 0 {
			from = found[len(found)-1].to
			spelt = "," + spelt
		}
		to = from
	}
	if size := len(raw) - (to - from) + len(spelt); size > maxValue {
		return credential.Value{}, fmt.Errorf("%w: %d", ErrTooLarge, size)
	}
	return credential.New(raw[:from] + spelt + raw[to:]), nil
}

// quote writes a text as JSON. A person reads the "&" of a query.
func quote(text string) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(text) != nil {
		return `""` // no text fails
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// Member returns the URL that stands under a key of a secret's value. It fails if the
// value is no object with such a key, or if no URL stands there.
func Member(value credential.Value, name string) (URL, error) {
	raw := value.Reveal()
	found, isObject := scan(raw)
	if !isObject {
		return URL{}, errors.New("it is not a JSON object")
	}
	for _, m := range found {
		var whole string
		if m.name == name && json.Unmarshal([]byte(raw[m.from:m.to]), &whole) == nil {
			return Parse(credential.New(whole))
		}
	}
	return URL{}, errors.New("it has no URL under the key")
}

// member is where a member's value stands in the text of an object.
type member struct {
	name     string // decoded
	from, to int
}

// scan finds the members of one JSON object with nothing behind it.
func scan(raw string) (members []member, isObject bool) {
	decoder := json.NewDecoder(strings.NewReader(raw))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, false
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return nil, false
		}
		to := int(decoder.InputOffset())
		members = append(members, member{name.(string), to - len(value), to})
	}
	if _, err := decoder.Token(); err != nil {
		return nil, false
	}
	_, err := decoder.Token()
	return members, err == io.EOF
}

package connection

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"

	"keepcurrent.example/internal/credential"
)

// Members are digests of a secret's value: one for each member of a JSON object, by
// name, or one for the whole text. They show whether two values differ, and no value.
type Members map[string][sha256.Size]byte

// text is the name of a value that is no object; the names of members have a dot before.
const text = ""

// MembersOf returns the digests of a value. Two members are equal if their JSON means
// the same, however it is spelt; numbers are compared as they are written. An object
// that names a member twice counts as text: some readers use the first, some the last.
func MembersOf(value credential.Value) Members {
	raw := value.Reveal()
	if members, ok := object([]byte(raw)); ok {
		return members
	}
	return Members{text: sha256.Sum256([]byte(raw))}
}

// Contain reports whether all of others are there, and equal.
func (m Members) Contain(others Members) bool {
	for name, digest := range others {
		if own, there := m[name]; !there || own != digest {
			return false
		}
	}
	return true
}

// object reads one JSON object with nothing behind it.
func object(raw []byte) (members Members, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, false
	}
	members = make(Members)
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		var member any
		if decoder.Decode(&member) != nil {
			return nil, false
		}
		spelt, err := json.Marshal(member)
		key := "." + name.(string)
		if _, twice := members[key]; twice || err != nil {
			return nil, false
		}
		members[key] = sha256.Sum256(spelt)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, false
	}
	_, err := decoder.Token()
	return members, err == io.EOF
}

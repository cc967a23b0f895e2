// Package credential has the type of values that must never be printed: a connection URL, a
// password, a token, a signing key.
//
// A [Value] redacts itself wherever Go turns a value into text: fmt with every verb, log/slog,
// encoding/json. [Value.Reveal] is the only way to the text, so the places that can leak one
// are the places that call it.
//
// A [Ring] keeps the values of one secret while a container is warm, and reads them again when
// they no longer work. A [Mutex] is a lock that a caller gives up waiting for when its context
// ends. [RecoverPanic] turns a panic into an error without the panic's value, which may be a
// credential, and [NetworkError] takes out of an error the part that may be shown.
package credential

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what every printer shows in place of a credential.
const Redacted = "[redacted]"

// Value is a credential. The zero value is empty.
type Value struct {
	// A func and not a string: fmt does not call the methods of a value that
	// sits in an unexported field, it walks into it, and of a func it can
	// print only the address. It also makes == a compile error.
	reveal func() string
}

// New returns the credential whose text is text.
func New(text string) Value {
	return Value{reveal: func() string { return text }}
}

// Reveal returns the text. The caller must not let it reach an error or a log.
func (v Value) Reveal() string {
	if v.reveal == nil {
		return ""
	}
	return v.reveal()
}

// Empty reports whether there is no text.
func (v Value) Empty() bool { return v.Reveal() == "" }

// Equal compares two credentials in a time that depends on their lengths alone.
func (v Value) Equal(w Value) bool {
	return subtle.ConstantTimeCompare([]byte(v.Reveal()), []byte(w.Reveal())) == 1
}

// String returns [Redacted].
func (v Value) String() string { return Redacted }

// GoString returns [Redacted].
func (v Value) GoString() string { return Redacted }

// Format writes [Redacted] for every verb.
func (v Value) Format(f fmt.State, _ rune) { io.WriteString(f, Redacted) }

// LogValue returns [Redacted].
func (v Value) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalJSON returns [Redacted] as a JSON string.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// MarshalText returns [Redacted]; it covers the encoders that know no JSON.
func (v Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

package reconcile

import (
	"fmt"
	"strings"
)

// LooksLikeCredential reports whether a text is, by its form, a credential that was
// pasted where the name of something belongs: an API token of Heroku's, of today or of
// before 2024, when it was a UUID; a connection URL; a key in PEM.
func LooksLikeCredential(text string) bool {
	return strings.HasPrefix(text, "HRKU-") || strings.HasPrefix(text, "Bearer ") || isUUID(strings.ToLower(text)) ||
		strings.Contains(text, "://") || strings.Contains(text, "-----BEGIN")
}

// looksLikePassword reports whether a text is 32 small letters and digits or more, with
// nothing in between, as a password of Heroku's is. No config var is called so.
func looksLikePassword(text string) bool {
	const letters, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
	return len(text) >= 32 && strings.Trim(text, letters+digits) == "" && strings.ContainsAny(text, digits)
}

// maxQuoted is the length of a value that an error quotes. It is shorter than any
// credential of Heroku's or AWS's, and long enough for a word that is spelt wrong.
const maxQuoted = 20

// quoted returns a tag's value for an error, a log or a report: as it is if it is short
// and made of the characters of a name, and its length otherwise.
func quoted(value string) string {
	if isQuotable(value) {
		return fmt.Sprintf("%q", value)
	}
	return fmt.Sprintf("a value of %d bytes that is not shown", len(value))
}

func isQuotable(value string) bool {
	for _, c := range []byte(value) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/_.- ", c) >= 0) {
			return false
		}
	}
	return len(value) <= maxQuoted && !LooksLikeCredential(value)
}

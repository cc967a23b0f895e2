package reconcile

import (
	"fmt"
	"strings"
)

// passwordLength is the least length of a run of characters that is taken for a
// password or a key. Heroku's passwords have 65 characters, our signing key has 48, and a
// secret key of AWS has 40.
const passwordLength = 32

// tokenLength is the least length of an API token of Heroku that was pasted without its
// HRKU-. Its characters are those of names, so more of them are needed.
const tokenLength = 58

// LooksLikeCredential reports whether a text has the form of a credential that was pasted
// where the name of something belongs: an API token of Heroku, a connection URL, a key in
// PEM, a password or a key of 32 characters or more. An API token from before
// 2024 is a UUID.
func LooksLikeCredential(text string) bool {
	lower := strings.ToLower(text)
	return strings.HasPrefix(lower, "hrku-") || strings.HasPrefix(lower, "bearer ") || uuid.MatchString(lower) ||
		strings.Contains(text, "://") || strings.Contains(text, "-----BEGIN") || hasPassword(text)
}

// hasPassword reports whether a part of the text is a long run of letters and digits, or
// a long run of base64. A name has words in it, and separators between them.
func hasPassword(text string) bool {
	notIn := func(class func(rune) bool) func(rune) bool { return func(c rune) bool { return !class(c) } }
	for _, run := range strings.FieldsFunc(text, notIn(isAlphanumeric)) {
		if len(run) >= passwordLength && strings.ContainsFunc(run, isDigit) && strings.ContainsFunc(run, isLetter) {
			return true
		}
	}
	for _, run := range strings.FieldsFunc(text, notIn(isBase64)) {
		if len(run) >= passwordLength && looksRandom(run, 30) {
			return true
		}
	}
	for _, run := range strings.FieldsFunc(text, notIn(isBase64URL)) {
		if len(run) >= tokenLength && looksRandom(run, 45) {
			return true
		}
	}
	return false
}

func isLetter(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isDigit(c rune) bool { return c >= '0' && c <= '9' }

func isAlphanumeric(c rune) bool { return isLetter(c) || isDigit(c) }

// isBase64 is for the alphabet of AWS's secret keys. The path of a secret's name has a
// slash, too.
func isBase64(c rune) bool { return isAlphanumeric(c) || c == '/' || c == '+' }

func isBase64URL(c rune) bool { return isAlphanumeric(c) || c == '-' || c == '_' }

// looksRandom reports whether small letters, capitals and digits all occur, and follow
// each other in no order: the kind changes after that many of a hundred characters or more.
// In random base64 it changes after about 60, in HerokuPostgres/ReadOnlyToken1 after 26.
func looksRandom(run string, percent int) bool {
	var has [4]bool
	changes, before := 0, 0
	for _, c := range run {
		kind := 0 // a separator
		switch {
		case c >= 'a' && c <= 'z':
			kind = 1
		case c >= 'A' && c <= 'Z':
			kind = 2
		case isDigit(c):
			kind = 3
		}
		if kind != before && kind > 0 && before > 0 {
			changes++
		}
		has[kind], before = true, kind
	}
	return has[1] && has[2] && has[3] && changes*100 >= len(run)*percent
}

// maxQuoted is the length of a value that an error quotes. It is enough for a word that
// is spelled wrong.
const maxQuoted = 12

// quoted returns a tag's value for an error, a log or a report: as it is if it is short
// and made of letters and hyphens, its length otherwise.
func quoted(value string) string {
	if isQuotable(value) {
		return fmt.Sprintf("%q", value)
	}
	return fmt.Sprintf("a value of %d bytes that is not shown", len(value))
}

func isQuotable(value string) bool {
	for _, c := range value {
		if !isLetter(c) && c != '-' {
			return false
		}
	}
	return len(value) <= maxQuoted && !LooksLikeCredential(value)
}

package reconcile

import "unicode/utf8"

// MaxText is how many bytes of an error a log line or a report shows: enough for eight
// wrong tags, and little where thousands of errors stand in one answer.
const MaxText = 2000

// Text returns the error's text, cut to [MaxText]: AWS's words, a tag and a database
// server's answer have any length.
func Text(err error) string { return Cut(err.Error(), MaxText) }

// Cut returns the text, or as many bytes of it as most, whole characters, and an ellipsis.
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > most-utf8.UTFMax && end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

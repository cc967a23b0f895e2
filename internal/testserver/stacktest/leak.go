package stacktest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Plant names further credentials that no log may show, such as those that a person pasted
// into a tag.
func (s *Stack) Plant(credentials ...string) { s.planted = append(s.planted, credentials...) }

// Leaks searches the logs of both functions for every credential of the stack and for the
// planted ones, and returns where it found one. The text of a finding shows no credential.
func (s *Stack) Leaks() []string {
	logs := map[string][]byte{"webhook": s.Webhook.Logs(), "poller": s.Poller.Logs()}
	var found []string
	for i, credential := range slices.Concat(s.Heroku.Credentials(), s.planted, []string{SigningKey}) {
		for name, log := range logs {
			for _, leak := range search(log, credential) {
				found = append(found, fmt.Sprintf("credential %d is in the log of the %s, %s", i, name, leak))
			}
		}
	}
	return found
}

// search finds a credential in the spellings that a log could give it.
func search(log []byte, credential string) (found []string) {
	for spelling, text := range spellings(credential) {
		if at := bytes.Index(log, []byte(text)); at >= 0 {
			found = append(found, fmt.Sprintf("spelt %s, at byte %d of %d", spelling, at, len(log)))
		}
	}
	return found
}

func spellings(credential string) map[string]string {
	quoted, _ := json.Marshal(credential)
	texts := map[string]string{
		"plainly":     credential,
		"in JSON":     string(quoted[1 : len(quoted)-1]),
		"quoted":      strings.Trim(strconv.Quote(credential), `"`), // as slog does
		"for a query": url.QueryEscape(credential),
		"for a path":  url.PathEscape(credential),
		"in hex":      hex.EncodeToString([]byte(credential)),
	}
	for before := range 3 {
		texts[fmt.Sprint("in base64 after ", before)] = within(base64.StdEncoding, before, credential)
		texts[fmt.Sprint("in URL base64 after ", before)] = within(base64.URLEncoding, before, credential)
	}
	return texts
}

// within returns the base64 forms of a text inside a longer text. Three bytes become
// four characters, so there are three forms, depending on the number of bytes before the
// text. Characters that also depend on the text's neighbours are left out.
func within(encoding *base64.Encoding, before int, text string) string {
	encoded := encoding.EncodeToString([]byte(strings.Repeat(" ", before) + text))
	return encoded[(before*8+5)/6 : (before+len(text))*8/6]
}

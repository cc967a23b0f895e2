package stacktest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
)

// Leaks searches everything that both functions have written for every
// credential that there is in the stack, in all the spellings that a log could
// give it, and says where it was found. The text of a finding shows no credential.
func (s *Stack) Leaks() []string {
	logs := map[string][]byte{"webhook": s.Webhook.Logs(), "poller": s.Poller.Logs()}
	var found []string
	for i, credential := range append(s.Heroku.Credentials(), SigningKey) {
		for name, log := range logs {
			for spelling, text := range spellings(credential) {
				if at := bytes.Index(log, []byte(text)); at >= 0 {
					found = append(found, fmt.Sprintf("credential %d, spelt %s, in the log of the %s at byte %d of %d", i, spelling, name, at, len(log)))
				}
			}
		}
	}
	return found
}

func spellings(credential string) map[string]string {
	quoted, _ := json.Marshal(credential)
	return map[string]string{
		"plainly":       credential,
		"in JSON":       string(bytes.Trim(quoted, `"`)),
		"for a query":   url.QueryEscape(credential),
		"for a path":    url.PathEscape(credential),
		"in base64":     base64.RawStdEncoding.EncodeToString([]byte(credential)),
		"in URL base64": base64.RawURLEncoding.EncodeToString([]byte(credential)),
		"in hex":        hex.EncodeToString([]byte(credential)),
	}
}

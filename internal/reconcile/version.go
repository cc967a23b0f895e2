package reconcile

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"keepcurrent.example/internal/credential"
)

// A version id has two halves of 32 hexadecimal digits. The first is the digest
// of the payload: equal digests show equal payloads without reading a value.
// The second is the digest of the step, from this fence to this payload: the
// same step taken twice gives the same version, so a repeat is idempotent, and
// a payload that returns later gets a version of its own, so no version is
// promoted again from another starting point.
//
// Version ids are in CloudTrail. The digests are keyed, so that nobody can
// test guesses of a weak password against them. Secrets Manager takes 32 to 64
// characters:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
const digestLen = 32

// versionOf returns the id of the version that leads from the binding's current
// version to the payload.
func versionOf(key credential.Value, b Binding, text credential.Value) string {
	digest := payloadDigest(key, b, text)
	return digest + hexMAC(key, "step", b.ARN, b.Current, digest)
}

// digestMatches reports whether the binding's current version is one of ours with this
// payload, under any of the keys.
func digestMatches(keys []credential.Value, b Binding, text credential.Value) bool {
	if len(b.Current) != 2*digestLen {
		return false
	}
	for _, key := range keys {
		if strings.HasPrefix(b.Current, payloadDigest(key, b, text)) {
			return true
		}
	}
	return false
}

// IsCurrentOurs reports whether the id of the current version looks like ours. Anybody can make
// such an id, so nothing but a metric may follow from it. Other writers' are UUIDs, or shorter.
func (b Binding) IsCurrentOurs() bool {
	_, err := hex.DecodeString(b.Current)
	return err == nil && len(b.Current) == 2*digestLen
}

// payloadDigest covers the ARN, so that two secrets with one value do not show it. With
// [FormatKey] it is of our member alone: all others follow from the version before.
func payloadDigest(key credential.Value, b Binding, text credential.Value) string {
	if b.Format == FormatKey {
		return hexMAC(key, "member", b.ARN, b.Key, text.Reveal())
	}
	return hexMAC(key, "payload", b.ARN, text.Reveal())
}

// hexMAC authenticates the parts, each behind its purpose, so that the key can
// serve elsewhere (it also signs Heroku's webhooks) without one use answering
// for the other.
func hexMAC(key credential.Value, purpose string, parts ...string) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte("keepcurrent version 1 " + purpose))
	for _, part := range parts {
		mac.Write([]byte{0})
		mac.Write([]byte(part))
	}
	return hex.EncodeToString(mac.Sum(nil))[:digestLen]
}

package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// BenchmarkSignature checks a body of 1 MiB, and for comparison hashes it with
// crypto/hmac alone.
func BenchmarkSignature(b *testing.B) {
	body := bytes.Repeat([]byte("EXAMPLE!"), 1<<17)
	mac := func(key string) []byte {
		m := hmac.New(sha256.New, []byte(key))
		m.Write(body)
		return m.Sum(nil)
	}
	request := func(key string, encode bool) events.APIGatewayV2HTTPRequest {
		r := events.APIGatewayV2HTTPRequest{
			Headers: map[string]string{"heroku-webhook-hmac-sha256": base64.StdEncoding.EncodeToString(mac(key))},
			Body:    string(body),
		}
		if encode {
			r.Body, r.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
		}
		return r
	}
	b.Run("plain", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			mac("key-EXAMPLE")
		}
	})
	for _, kind := range []struct {
		name, keys, signed string
		base64             bool
	}{
		{"genuine", "key-EXAMPLE", "key-EXAMPLE", false},
		{"genuine, base64", "key-EXAMPLE", "key-EXAMPLE", true},
		{"forged", "key-EXAMPLE", "another-EXAMPLE", false},
		{"forged, base64", "key-EXAMPLE", "another-EXAMPLE", true},
		{"forged, two keys", "key-EXAMPLE,previous-EXAMPLE", "another-EXAMPLE", false},
	} {
		ring := ringOf(kind.keys)
		ring.Rest = time.Hour // as in the middle of a flood: the keys have just been read
		r := request(kind.signed, kind.base64)
		if _, err := verified(b.Context(), ring, r); (err == nil) != (kind.signed == kind.keys) {
			b.Fatalf("%s: %v", kind.name, err)
		}
		b.Run(kind.name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				verified(b.Context(), ring, r)
			}
		})
	}
}

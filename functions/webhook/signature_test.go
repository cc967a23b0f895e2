package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"keepcurrent.example/internal/credential"
)

const signingKey = "signing-key-EXAMPLE"

// What openssl says of a body under signingKey.
const (
	signedBody    = `{"action":"update","resource":"release"}`
	bodySignature = "ZnT0MvPDatNUCI4BcYivrOYWZNXXqhG8v4TjwdCqlAo="
)

// ringOf is a ring whose reads give the keys, one set after another.
func ringOf(reads ...string) *credential.Ring {
	return &credential.Ring{Read: func(context.Context) ([]credential.Value, error) {
		if len(reads) == 0 {
			return nil, errors.New("no more keys")
		}
		var keys []credential.Value
		for key := range strings.SplitSeq(reads[0], ",") {
			keys = append(keys, credential.New(key))
		}
		reads = reads[1:]
		return keys, nil
	}}
}

// TestVectors checks the signatures themselves; this test is about the keys.
func TestVerifiedTriesEveryKeyAndThenNewerOnes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		ring *credential.Ring
		want error
	}{
		"the current key":       {ringOf(signingKey + ",old"), nil},
		"the previous key":      {ringOf("new," + signingKey), nil},
		"a key that is newer":   {ringOf("old", signingKey+",old"), nil},
		"no key":                {ringOf("other", "another"), errSignature},
		"no key, and no newer":  {ringOf("other"), errSignature},
		"no key to be had":      {ringOf(), errNoKey},
		"an empty key":          {ringOf("", ""), errSignature},
		"an empty key and ours": {ringOf("," + signingKey), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := events.APIGatewayV2HTTPRequest{Headers: map[string]string{signatureHeader: bodySignature}, Body: signedBody}
			if _, err := verified(t.Context(), tt.ring, request); !errors.Is(err, tt.want) {
				t.Error(err)
			}
		})
	}
}

// A leaked key is changed twice, because the previous key counts as well. A warm
// container refuses it once the keys that it has read reach their age.
func TestAKeyThatWasChangedTwiceCountsNoLongerThanItsAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		current, previous := "leaked-EXAMPLE", ""
		ring := &credential.Ring{Rest: 30 * time.Second, Age: 5 * time.Minute, Read: func(context.Context) ([]credential.Value, error) {
			return []credential.Value{credential.New(current), credential.New(previous)}, nil
		}}
		body := []byte(`{"resource":"release"}`)
		mac := hmac.New(sha256.New, []byte("leaked-EXAMPLE"))
		mac.Write(body)
		request := events.APIGatewayV2HTTPRequest{Body: string(body), Headers: map[string]string{
			strings.ToLower(signatureHeader): base64.StdEncoding.EncodeToString(mac.Sum(nil)),
		}}
		if _, err := verified(t.Context(), ring, request); err != nil {
			t.Fatal(err)
		}
		current, previous = "third-EXAMPLE", "second-EXAMPLE"
		time.Sleep(5 * time.Minute)
		if _, err := verified(t.Context(), ring, request); !errors.Is(err, errSignature) {
			t.Errorf("five minutes after the key was changed twice: %v", err)
		}
	})
}

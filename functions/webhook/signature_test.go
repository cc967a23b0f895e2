package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/keyring"
)

const signingKey = "signing-key-EXAMPLE"

// What openssl says of a body under signingKey.
const (
	signedBody    = `{"action":"update","resource":"release"}`
	bodySignature = "ZnT0MvPDatNUCI4BcYivrOYWZNXXqhG8v4TjwdCqlAo="
)

// ringOf is a ring whose reads give the keys, one set after another.
func ringOf(reads ...string) *keyring.Ring {
	return &keyring.Ring{Read: func(context.Context) ([]credential.Value, error) {
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

// What a signature is worth, the vectors say. This is about where the keys come from.
func TestVerifiedTriesEveryKeyAndThenNewerOnes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		ring *keyring.Ring
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

package main

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/keyring"
)

// What openssl says of a body and a key.
const (
	vectorKey       = "test-webhook-secret"
	vectorBody      = `{"action":"update","resource":"release"}`
	vectorSignature = "lr6fOjGAElbpQEeZbTDk0tR2UCDGDVj9/pseccIcxEU="
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

func signed(name, signature string) events.APIGatewayV2HTTPRequest {
	return events.APIGatewayV2HTTPRequest{Headers: map[string]string{"Content-Type": "application/json", name: signature}, Body: vectorBody}
}

func TestVerifiedTakesTheHeaderInAnyCase(t *testing.T) {
	t.Parallel()
	for _, name := range []string{signatureHeader, strings.ToLower(signatureHeader), strings.ToUpper(signatureHeader), "heroku-Webhook-hmac-Sha256"} {
		body, err := verified(t.Context(), ringOf(vectorKey), signed(name, vectorSignature))
		if err != nil || string(body) != vectorBody {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerifiedUndoesBase64(t *testing.T) {
	t.Parallel()
	request := signed(signatureHeader, vectorSignature)
	request.Body, request.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(vectorBody)), true
	if body, err := verified(t.Context(), ringOf(vectorKey), request); err != nil || string(body) != vectorBody {
		t.Error(err)
	}
	request.Body = "%"
	if _, err := verified(t.Context(), ringOf(vectorKey), request); !errors.Is(err, errSignature) {
		t.Error(err)
	}
}

func TestVerifiedTriesEveryKeyAndThenNewerOnes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		ring *keyring.Ring
		want error
	}{
		"the current key":       {ringOf(vectorKey + ",old"), nil},
		"the previous key":      {ringOf("new," + vectorKey), nil},
		"a key that is newer":   {ringOf("old", vectorKey+",old"), nil},
		"no key":                {ringOf("other", "another"), errSignature},
		"no key, and no newer":  {ringOf("other"), errSignature},
		"no key to be had":      {ringOf(), errNoKey},
		"an empty key":          {ringOf("", ""), errSignature},
		"an empty key and ours": {ringOf("," + vectorKey), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := verified(t.Context(), tt.ring, signed(signatureHeader, vectorSignature)); !errors.Is(err, tt.want) {
				t.Error(err)
			}
		})
	}
}

func TestAnEmptyKeySignsNothing(t *testing.T) {
	t.Parallel()
	const byEmptyKey = "C+QPD4d3Rn2qTCz2BbDeBEkjm0NO84JSLOxDaWCo+Ag="
	if _, err := verified(t.Context(), ringOf("", ""), signed(signatureHeader, byEmptyKey)); !errors.Is(err, errSignature) {
		t.Error(err)
	}
}

package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/metric"
)

// signatureHeader carries base64 of the HMAC-SHA256 over the raw body
// (https://devcenter.heroku.com/articles/app-webhooks-schema).
const signatureHeader = "Heroku-Webhook-Hmac-SHA256"

var (
	errNoKey     = errors.New("no signing key")
	errSignature = errors.New("no valid signature in " + signatureHeader)
)

// signingKeys is what the edge needs to check signatures: the keys that count now,
// and newer ones if none of them fits.
type signingKeys interface {
	Values(ctx context.Context) ([]credential.Value, error)
	Renew(ctx context.Context, stale []credential.Value) ([]credential.Value, error)
}

// verified returns the body as Heroku sent it, once its signature is good. The
// error wraps errSignature, or errNoKey if there is nothing to check with.
func verified(ctx context.Context, ring signingKeys, request events.APIGatewayV2HTTPRequest) ([]byte, error) {
	// Heroku's header is 44 characters, the padded base64 of 32 bytes; anything
	// else costs no read of a key, and no hash. Even a strict decoder skips line
	// ends, so the length of the text counts, too.
	text := header(request.Headers, signatureHeader)
	signature, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(signature) != sha256.Size || len(text) != base64.StdEncoding.EncodedLen(sha256.Size) {
		return nil, errSignature
	}
	body, err := rawBody(request)
	if err != nil {
		return nil, errSignature
	}
	keys, err := ring.Values(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoKey, err)
	}
	if signedByOne(keys, body, signature) {
		return body, nil
	}
	newer, err := ring.Renew(ctx, keys)
	if err == nil && signedByOne(newer, body, signature) {
		return body, nil
	}
	return nil, errors.Join(errSignature, err)
}

// refuse logs why a request was not verified, and returns its status.
func (h *handler) refuse(log *slog.Logger, err error) (status int) {
	if errors.Is(err, errNoKey) {
		log.Error("no signing key", "error", err.Error())
		return http.StatusInternalServerError
	}
	log.Warn("signature refused", "error", err.Error())
	h.metrics.Write(metric.Set{"BadSignatures": {1}})
	return http.StatusUnauthorized
}

// rawBody undoes what API Gateway does to a body whose content type it does not
// take for text.
func rawBody(request events.APIGatewayV2HTTPRequest) ([]byte, error) {
	if request.IsBase64Encoded {
		return base64.StdEncoding.DecodeString(request.Body)
	}
	return []byte(request.Body), nil
}

// header finds a header in any case. HTTP APIs write names in lower case, other
// front ends do not.
func header(headers map[string]string, name string) string {
	if value, found := headers[strings.ToLower(name)]; found {
		return value
	}
	for key, value := range headers {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

func signedByOne(keys []credential.Value, body, signature []byte) bool {
	for _, key := range keys {
		mac := hmac.New(sha256.New, []byte(key.Reveal()))
		mac.Write(body)
		if !key.Empty() && hmac.Equal(mac.Sum(nil), signature) {
			return true
		}
	}
	return false
}

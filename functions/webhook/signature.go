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
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/report"
)

// signatureHeader carries base64 of the HMAC-SHA256 over the raw body
// (https://devcenter.heroku.com/articles/app-webhooks-schema).
const signatureHeader = "Heroku-Webhook-Hmac-SHA256"

var (
	errNoKey     = errors.New("no signing key")
	errSignature = errors.New("no valid signature in " + signatureHeader)
)

// verified returns the body as Heroku sent it, if its signature is good. Otherwise the
// error wraps errSignature, or errNoKey if there is no key to check it with.
func verified(ctx context.Context, ring credential.Source, request events.APIGatewayV2HTTPRequest) ([]byte, error) {
	// Heroku's header is 44 characters, the padded base64 of 32 bytes. Refuse anything
	// else before a key is read or the body is hashed. Check the length too: even a strict
	// decoder skips line ends.
	text := header(request.Headers, signatureHeader)
	signature, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(signature) != sha256.Size || len(text) != base64.StdEncoding.EncodedLen(sha256.Size) {
		return nil, errSignature
	}
	body, err := bodyOf(request)
	if err != nil {
		return nil, errSignature
	}
	keys, err := ring.Values(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoKey, err)
	}
	if isSigned(body, keys, signature) {
		return body, nil
	}
	newer, err := ring.Renew(ctx, keys)
	if err == nil && isSigned(body, unlike(newer, keys), signature) {
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
	h.metrics.Write(report.Metrics{"BadSignatures": {1}})
	return http.StatusUnauthorized
}

// bodyOf returns the body of a request as Heroku sent it. API Gateway encodes a body in
// base64 if its content type does not look like text.
func bodyOf(request events.APIGatewayV2HTTPRequest) ([]byte, error) {
	if !request.IsBase64Encoded {
		return []byte(request.Body), nil
	}
	return base64.StdEncoding.DecodeString(request.Body)
}

// isSigned reports whether one of the keys has signed the body. An empty key signs nothing.
func isSigned(body []byte, keys []credential.Value, signature []byte) bool {
	return slices.ContainsFunc(keys, func(key credential.Value) bool {
		mac := hmac.New(sha256.New, []byte(key.Reveal()))
		mac.Write(body)
		return !key.Empty() && hmac.Equal(mac.Sum(nil), signature)
	})
}

// unlike returns the keys that are not among the others, which were tried already.
func unlike(keys, others []credential.Value) []credential.Value {
	return slices.DeleteFunc(slices.Clone(keys), func(key credential.Value) bool {
		return slices.ContainsFunc(others, key.Equal)
	})
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

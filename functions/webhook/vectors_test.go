package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/report"
)

// TestVectors compares verified with the verdicts in testdata/signatures. A file is one
// request in the form of HTTP: lines of NAME: VALUE, an empty line, and the event's body
// byte by byte, without a line end after it. Some names are ours, all others are headers
// of the request:
//
//	comment  what the request shows
//	expect   accept, or the status that it is refused with
//	key      a signing key that counts, the current one first
//	base64   true if the event says that its body is in base64
//
// The signatures were made with
//
//	openssl dgst -sha256 -hmac KEY -binary BODY | base64
func TestVectors(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/signatures/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no vectors: ", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			v := readVector(t, file)
			body, err := verified(t.Context(), v.ring(), v.request)
			switch {
			case v.status == 0 && err != nil:
				t.Errorf("%s: refused: %v", v.comment, err)
			case v.status == 0 && !bytes.Equal(body, v.body):
				t.Errorf("%s: the body came out as %q", v.comment, body)
			case v.status != 0 && err == nil:
				t.Errorf("%s: accepted", v.comment)
			case v.status != 0:
				if status := (&handler{metrics: report.Writer{Out: io.Discard}}).refuse(slog.New(slog.DiscardHandler), err); status != v.status {
					t.Errorf("%s: %d, want %d", v.comment, status, v.status)
				}
			}
		})
	}
}

type vector struct {
	comment string
	status  int // 0 if the request is to be accepted
	keys    []credential.Value
	request events.APIGatewayV2HTTPRequest
	body    []byte // as Heroku sent it
}

var verdicts = map[string]int{"accept": 0, "401": 401, "500": 500}

func readVector(t *testing.T, file string) vector {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, body, found := strings.Cut(string(text), "\n\n")
	v := vector{status: -1, request: events.APIGatewayV2HTTPRequest{Headers: make(map[string]string), Body: body}}
	for line := range strings.SplitSeq(head, "\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "comment":
			v.comment = value
		case "expect":
			if status, known := verdicts[value]; known {
				v.status = status
			}
		case "key":
			v.keys = append(v.keys, credential.New(value))
		case "base64":
			v.request.IsBase64Encoded = value == "true"
		default:
			v.request.Headers[name] = value
		}
	}
	if !found || v.status < 0 || v.comment == "" {
		t.Fatal("not a vector")
	}
	v.body = []byte(body)
	if v.request.IsBase64Encoded && v.status == 0 {
		v.body, err = base64.StdEncoding.DecodeString(body)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// ring always reads the same keys, and fails if there are none.
func (v vector) ring() *credential.Ring {
	return &credential.Ring{Read: func(context.Context) ([]credential.Value, error) {
		if len(v.keys) == 0 {
			return nil, errors.New("no key")
		}
		return v.keys, nil
	}}
}

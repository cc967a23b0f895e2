package lambdatest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	maxBody         = 10 << 20         // of a request to an HTTP API
	maxIntegration  = 30 * time.Second // an HTTP API waits no longer for a function
	jsonContentType = "application/json"
)

// HTTPAPI is an API Gateway HTTP API with one route, such as
// "POST /heroku/webhook", whose requests a function answers in payload format
// 2.0. Everything else is not found.
//
//   - A function that fails, or whose answer makes no sense, is a 500; one
//     that has not answered after 30 seconds is a 503.
//     (The 503 is recorded in cortexlabs/cortex issue 1225.)
//   - A request body may have 10 MB.
//
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
func HTTPAPI(f *Function, route string) http.Handler {
	return &httpAPI{invoke: f.Invoke, route: route, patience: maxIntegration}
}

type httpAPI struct {
	invoke   func(context.Context, []byte) ([]byte, error)
	route    string
	patience time.Duration
}

func (a *httpAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, path, _ := strings.Cut(a.route, " ")
	if r.Method != method || r.URL.Path != path {
		say(w, http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		say(w, http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		say(w, http.StatusBadRequest)
		return
	}
	payload, err := newEvent(a.route, r, body)
	if err != nil {
		say(w, http.StatusInternalServerError)
		return
	}
	a.answer(r.Context(), w, payload)
}

// answer has the function answer. It is not told when the client goes away.
func (a *httpAPI) answer(ctx context.Context, w http.ResponseWriter, payload []byte) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.patience)
	defer cancel()
	result, err := a.invoke(ctx, payload)
	if errors.Is(err, context.DeadlineExceeded) {
		say(w, http.StatusServiceUnavailable)
		return
	}
	if err == nil {
		err = respond(w, result)
	}
	if err != nil {
		say(w, http.StatusInternalServerError)
	}
}

// say answers in the words of API Gateway itself, which are those of HTTP.
func say(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", jsonContentType)
	w.WriteHeader(status)
	io.WriteString(w, `{"message":"`+http.StatusText(status)+`"}`)
}

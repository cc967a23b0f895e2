package lambdatest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// maxBody is API Gateway's limit for the body of a request.
const maxBody = 10 << 20

// HTTPAPI is an API Gateway HTTP API with one route, such as
// "POST /heroku/webhook", whose requests a function answers in payload format
// 2.0 with a status, headers and a text. Everything else is not found.
//
//   - If the function fails, or its answer is invalid, the status is 500.
//   - If the answer has no status, the status is 500, too. API Gateway would answer 200 with
//     the function's JSON for a body; our functions always give a status.
//   - A request body may have 10 MB. If its event is larger than a payload may be, the status
//     is 500. AWS does not say what API Gateway answers then.
//
// It waits for the function without a limit. API Gateway gives up after 30 seconds, so a
// function's own time-out must be shorter.
//
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
func HTTPAPI(f *Function, route string) http.Handler {
	return &httpAPI{invoke: f.Invoke, route: route}
}

type httpAPI struct {
	invoke func(context.Context, []byte) ([]byte, error)
	route  string
}

func (a *httpAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, path, _ := strings.Cut(a.route, " ")
	if r.Method != method || r.URL.Path != path {
		say(w, http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		say(w, http.StatusRequestEntityTooLarge)
		return
	}
	response, err := a.call(r, body)
	if err != nil {
		say(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	for name, value := range response.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(response.StatusCode)
	io.WriteString(w, response.Body)
}

// call invokes the function. The function does not learn that the client went away.
func (a *httpAPI) call(r *http.Request, body []byte) (response events.APIGatewayV2HTTPResponse, err error) {
	event, err := newEvent(a.route, r, body)
	if err != nil {
		return response, err
	}
	answer, err := a.invoke(context.WithoutCancel(r.Context()), event)
	if err != nil {
		return response, err
	}
	if err := json.Unmarshal(answer, &response); err != nil {
		return response, err
	}
	if response.StatusCode < 200 || response.StatusCode > 599 {
		return response, fmt.Errorf("status code %d", response.StatusCode)
	}
	return response, nil
}

// say answers as API Gateway itself does, with the text of the HTTP status.
func say(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, `{"message":"`+http.StatusText(status)+`"}`)
}

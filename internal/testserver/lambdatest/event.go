package lambdatest

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// newEvent returns a request in payload format 2.0, as JSON. It leaves out the fields
// about API Gateway itself and the time.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func newEvent(route string, r *http.Request, body []byte) ([]byte, error) {
	client, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return nil, err
	}
	event := events.APIGatewayV2HTTPRequest{
		Version:  "2.0",
		RouteKey: route,
		RawPath:  r.URL.Path,
		Headers:  headers(r),
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: r.Method, Path: r.URL.Path, SourceIP: client},
		},
	}
	event.Body, event.IsBase64Encoded = encode(body, r.Header.Get("Content-Type"))
	return json.Marshal(event)
}

// headers are those of a request: names in lower case, the values of one name
// joined with commas.
func headers(r *http.Request) map[string]string {
	h := map[string]string{"host": r.Host}
	for name, values := range r.Header {
		h[strings.ToLower(name)] = strings.Join(values, ",")
	}
	return h
}

// encode writes a body into an event: as it is for a few content types, as base64 for
// all others and without one. AWS does not document these types; the authors of
// ministack found them on AWS (their pull request 766).
func encode(body []byte, contentType string) (text string, isBase64 bool) {
	if len(body) == 0 {
		return "", false
	}
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	switch kind {
	case "application/json", "application/xml", "application/javascript":
		return string(body), false
	}
	if strings.HasPrefix(kind, "text/") {
		return string(body), false
	}
	return base64.StdEncoding.EncodeToString(body), true
}

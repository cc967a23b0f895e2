package lambdatest

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// newEvent is a request in payload format 2.0, as JSON.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func newEvent(route string, r *http.Request, body []byte) ([]byte, error) {
	host, port, _ := net.SplitHostPort(r.RemoteAddr)
	now := time.Now().UTC()
	event := events.APIGatewayV2HTTPRequest{
		Version:               "2.0",
		RouteKey:              route,
		RawPath:               r.URL.Path,
		RawQueryString:        r.URL.RawQuery,
		Cookies:               cookies(r.Header),
		Headers:               headers(r, host, port),
		QueryStringParameters: joined(r.URL.Query()),
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey:   route,
			AccountID:  "123456789012",
			Stage:      "$default",
			RequestID:  newUUID(),
			APIID:      "api",
			DomainName: r.Host,
			Time:       now.Format("02/Jan/2006:15:04:05 +0000"),
			TimeEpoch:  now.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method:    r.Method,
				Path:      r.URL.Path,
				Protocol:  r.Proto,
				SourceIP:  host,
				UserAgent: r.UserAgent(),
			},
		},
	}
	event.Body, event.IsBase64Encoded = encode(body, r.Header.Get("Content-Type"))
	return json.Marshal(event)
}

// encode writes a body into an event: as it is if its type is one of few, as
// base64 otherwise, also if it has none. AWS does not document which types
// those are; these were found on AWS by the authors of ministack (their pull
// request 766).
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

// headers are those of a request and those that API Gateway adds: names in
// lower case, the values of one name joined. Cookies are not among them.
func headers(r *http.Request, host, port string) map[string]string {
	h := map[string]string{"host": r.Host, "x-forwarded-for": host, "x-forwarded-port": port, "x-forwarded-proto": "https"}
	for name, value := range joined(r.Header) {
		switch name = strings.ToLower(name); name {
		case "cookie", "connection", "keep-alive", "te", "trailer", "upgrade":
		default:
			h[name] = value
		}
	}
	return h
}

// cookies are the single cookies of all Cookie headers.
func cookies(h http.Header) []string {
	var list []string
	for _, line := range h.Values("Cookie") {
		for cookie := range strings.SplitSeq(line, ";") {
			list = append(list, strings.TrimSpace(cookie))
		}
	}
	return list
}

// joined puts the values of each key into one, with commas between them.
func joined(values map[string][]string) map[string]string {
	if len(values) == 0 {
		return nil
	}
	m := make(map[string]string, len(values))
	for key, list := range values {
		m[key] = strings.Join(list, ",")
	}
	return m
}

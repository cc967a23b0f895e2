package lambdatest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

const route = "POST /heroku/webhook"

// answering serves an API whose function gives an answer or an error.
func answering(t *testing.T, answer string, err error) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(&httpAPI{route: route, patience: time.Minute,
		invoke: func(context.Context, []byte) ([]byte, error) { return []byte(answer), err }})
	t.Cleanup(server.Close)
	return server
}

// event sends a request to an API and returns what its function gets.
func event(t *testing.T, path string, header http.Header, body string) events.APIGatewayV2HTTPRequest {
	t.Helper()
	var got events.APIGatewayV2HTTPRequest
	server := httptest.NewServer(&httpAPI{route: route, patience: time.Minute,
		invoke: func(_ context.Context, payload []byte) ([]byte, error) {
			return []byte(`{"statusCode":204}`), json.Unmarshal(payload, &got)
		}})
	defer server.Close()
	if response, _ := send(t, server, "POST", path, header, strings.NewReader(body)); response.StatusCode != 204 {
		t.Fatalf("status %s", response.Status)
	}
	return got
}

func send(t *testing.T, server *httptest.Server, method, path string, header http.Header, body io.Reader) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(request.Header, header)
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func TestEventDescribesTheRequest(t *testing.T) {
	t.Parallel()
	got := event(t, "/heroku/webhook?b=2&a=1&a=3", http.Header{
		"Heroku-Webhook-Hmac-Sha256": {"EXAMPLE="},
		"X-Many":                     {"one", "two"},
		"Cookie":                     {"a=1; b=2"},
		"Content-Type":               {"application/json"},
		"User-Agent":                 {"Heroku-Webhooks"},
	}, `{"n":1}`)
	for _, c := range []struct{ what, got, want string }{
		{"version", got.Version, "2.0"},
		{"route key", got.RouteKey, route},
		{"path", got.RawPath, "/heroku/webhook"},
		{"query", got.RawQueryString, "b=2&a=1&a=3"},
		{"joined parameter", got.QueryStringParameters["a"], "1,3"},
		{"header", got.Headers["heroku-webhook-hmac-sha256"], "EXAMPLE="},
		{"joined header", got.Headers["x-many"], "one,two"},
		{"cookies", strings.Join(got.Cookies, "|"), "a=1|b=2"},
		{"cookie header", got.Headers["cookie"], ""},
		{"host", got.Headers["host"], got.RequestContext.DomainName},
		{"body", got.Body, `{"n":1}`},
		{"stage", got.RequestContext.Stage, "$default"},
		{"route key of the context", got.RequestContext.RouteKey, route},
		{"method", got.RequestContext.HTTP.Method, "POST"},
		{"path of the context", got.RequestContext.HTTP.Path, "/heroku/webhook"},
		{"protocol", got.RequestContext.HTTP.Protocol, "HTTP/1.1"},
		{"address", got.RequestContext.HTTP.SourceIP, "127.0.0.1"},
		{"agent", got.RequestContext.HTTP.UserAgent, "Heroku-Webhooks"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %q, want %q", c.what, c.got, c.want)
		}
	}
	for name := range got.Headers {
		if name != strings.ToLower(name) {
			t.Errorf("header %s is not in lower case", name)
		}
	}
	at, err := time.Parse("02/Jan/2006:15:04:05 -0700", got.RequestContext.Time)
	if err != nil || at.Unix() != got.RequestContext.TimeEpoch/1000 || got.RequestContext.RequestID == "" {
		t.Errorf("request %q at %q, %d, error %v", got.RequestContext.RequestID, got.RequestContext.Time, got.RequestContext.TimeEpoch, err)
	}
}

func TestBodyIsPlainForFewTypesOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		contentType string
		plain       bool
	}{
		{"text/plain", true},
		{"text/x-anything; charset=utf-8", true},
		{"application/json", true},
		{"application/json; charset=utf-8", true},
		{"Application/JSON", true},
		{"application/xml", true},
		{"application/javascript", true},
		{"", false},
		{"application/vnd.heroku+json; version=3", false},
		{"application/x-www-form-urlencoded", false},
		{"application/octet-stream", false},
		{"application/jsonlines", false},
	} {
		t.Run(c.contentType, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			if c.contentType != "" {
				header.Set("Content-Type", c.contentType)
			}
			got := event(t, "/heroku/webhook", header, `{"a":"ä"}`)
			want := `{"a":"ä"}`
			if !c.plain {
				want = base64.StdEncoding.EncodeToString([]byte(want))
			}
			if got.IsBase64Encoded == c.plain || got.Body != want {
				t.Errorf("base64 %t, body %q", got.IsBase64Encoded, got.Body)
			}
		})
	}
	if got := event(t, "/heroku/webhook", nil, ""); got.IsBase64Encoded || got.Body != "" {
		t.Error("an empty body is not plain")
	}
}

func TestAnswerBecomesHTTP(t *testing.T) {
	t.Parallel()
	const text = "text/plain;charset=UTF-8"
	for _, c := range []struct {
		name, answer string
		status       int
		kind, body   string
	}{
		{"plain", `{"statusCode":401,"body":"no"}`, 401, text, "no"},
		{"with a type", `{"statusCode":200,"headers":{"content-type":"text/html"},"body":"<p>"}`, 200, "text/html", "<p>"},
		{"base64", `{"statusCode":200,"isBase64Encoded":true,"body":"aGk="}`, 200, text, "hi"},
		{"JSON without a status", `{"ok":true}`, 200, "application/json", `{"ok":true}`},
		{"JSON that is no object", `"ok"`, 200, "application/json", `"ok"`},
		{"no JSON", `ok`, 500, "application/json", `{"message":"Internal Server Error"}`},
		{"nothing", ``, 500, "application/json", `{"message":"Internal Server Error"}`},
		{"impossible status", `{"statusCode":0}`, 500, "application/json", `{"message":"Internal Server Error"}`},
		{"status that is no number", `{"statusCode":"?"}`, 500, "application/json", `{"message":"Internal Server Error"}`},
		{"broken base64", `{"statusCode":200,"isBase64Encoded":true,"body":"?"}`, 500, "application/json", `{"message":"Internal Server Error"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			response, body := send(t, answering(t, c.answer, nil), "POST", "/heroku/webhook", nil, nil)
			if response.StatusCode != c.status || response.Header.Get("Content-Type") != c.kind || body != c.body {
				t.Errorf("got %s, %s, %q", response.Status, response.Header.Get("Content-Type"), body)
			}
		})
	}
}

func TestAnswerSetsHeadersAndCookies(t *testing.T) {
	t.Parallel()
	server := answering(t, `{"statusCode":204,"headers":{"retry-after":"9"},"cookies":["a=1","b=2; Secure"]}`, nil)
	response, _ := send(t, server, "POST", "/heroku/webhook", nil, nil)
	if got := response.Header.Get("Retry-After"); got != "9" {
		t.Errorf("Retry-After is %q", got)
	}
	if got := response.Header.Values("Set-Cookie"); !slices.Equal(got, []string{"a=1", "b=2; Secure"}) {
		t.Errorf("Set-Cookie is %q", got)
	}
}

func TestGatewaySpeaksForItself(t *testing.T) {
	t.Parallel()
	failing := answering(t, "", &FunctionError{Type: "Runtime.ExitError"})
	slow := httptest.NewServer(&httpAPI{route: route, patience: time.Millisecond,
		invoke: func(ctx context.Context, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }})
	t.Cleanup(slow.Close)
	for _, c := range []struct {
		name         string
		server       *httptest.Server
		method, path string
		size         int64
		status       int
		message      string
	}{
		{"another path", failing, "POST", "/heroku", 1, 404, "Not Found"},
		{"the path and a slash", failing, "POST", "/heroku/webhook/", 1, 404, "Not Found"},
		{"another method", failing, "GET", "/heroku/webhook", 0, 404, "Not Found"},
		{"a failing function", failing, "POST", "/heroku/webhook", 1, 500, "Internal Server Error"},
		{"a slow function", slow, "POST", "/heroku/webhook", 1, 503, "Service Unavailable"},
		{"a body over 10 MB", failing, "POST", "/heroku/webhook", maxBody + 1, 413, "Request Entity Too Large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			response, body := send(t, c.server, c.method, c.path, nil, io.LimitReader(endless{}, c.size))
			if response.StatusCode != c.status || body != `{"message":"`+c.message+`"}` {
				t.Errorf("got %s: %s", response.Status, body)
			}
		})
	}
}

func TestHTTPAPIInvokesTheFunction(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(HTTPAPI(start(t, Config{}), route))
	defer server.Close()
	for _, kind := range []string{"text/plain", "application/octet-stream"} {
		header := http.Header{"Content-Type": {kind}}
		response, body := send(t, server, "POST", "/heroku/webhook", header, strings.NewReader("hi"))
		if response.StatusCode != 201 || body != "hi" {
			t.Errorf("%s gives %s: %s", kind, response.Status, body)
		}
	}
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, errors.New("no room")
	}
	return len(p), nil
}

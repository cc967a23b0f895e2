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
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

const route = "POST /heroku/webhook"

// answering serves an API whose function gives an answer or an error.
func answering(t *testing.T, answer string, err error) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(&httpAPI{route: route,
		invoke: func(context.Context, []byte) ([]byte, error) { return []byte(answer), err }})
	t.Cleanup(server.Close)
	return server
}

// event sends a request to an API and returns what its function gets.
func event(t *testing.T, header http.Header, body string) events.APIGatewayV2HTTPRequest {
	t.Helper()
	var got events.APIGatewayV2HTTPRequest
	server := httptest.NewServer(&httpAPI{route: route,
		invoke: func(_ context.Context, payload []byte) ([]byte, error) {
			return []byte(`{"statusCode":204}`), json.Unmarshal(payload, &got)
		}})
	defer server.Close()
	if response, _ := send(t, server, "POST", "/heroku/webhook", header, strings.NewReader(body)); response.StatusCode != 204 {
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
	got := event(t, http.Header{
		"Heroku-Webhook-Hmac-Sha256": {"EXAMPLE="},
		"X-Many":                     {"one", "two"},
		"Content-Type":               {"application/json"},
	}, `{"n":1}`)
	for _, c := range []struct{ what, got, want string }{
		{"version", got.Version, "2.0"},
		{"route key", got.RouteKey, route},
		{"path", got.RawPath, "/heroku/webhook"},
		{"header", got.Headers["heroku-webhook-hmac-sha256"], "EXAMPLE="},
		{"joined header", got.Headers["x-many"], "one,two"},
		{"body", got.Body, `{"n":1}`},
		{"method", got.RequestContext.HTTP.Method, "POST"},
		{"path of the context", got.RequestContext.HTTP.Path, "/heroku/webhook"},
		{"address", got.RequestContext.HTTP.SourceIP, "127.0.0.1"},
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
			got := event(t, header, `{"a":"ä"}`)
			want := `{"a":"ä"}`
			if !c.plain {
				want = base64.StdEncoding.EncodeToString([]byte(want))
			}
			if got.IsBase64Encoded == c.plain || got.Body != want {
				t.Errorf("base64 %t, body %q", got.IsBase64Encoded, got.Body)
			}
		})
	}
	if got := event(t, nil, ""); got.IsBase64Encoded || got.Body != "" {
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
		{"no JSON", `ok`, 500, "application/json", `{"message":"Internal Server Error"}`},
		{"nothing", ``, 500, "application/json", `{"message":"Internal Server Error"}`},
		{"no status", `{"ok":true}`, 500, "application/json", `{"message":"Internal Server Error"}`},
		{"impossible status", `{"statusCode":0}`, 500, "application/json", `{"message":"Internal Server Error"}`},
		{"status that is no number", `{"statusCode":"?"}`, 500, "application/json", `{"message":"Internal Server Error"}`},
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

func TestGatewaySpeaksForItself(t *testing.T) {
	t.Parallel()
	failing := answering(t, "", &FunctionError{Type: "Runtime.ExitError"})
	for _, c := range []struct {
		name         string
		method, path string
		size         int64
		status       int
		message      string
	}{
		{"another path", "POST", "/heroku", 1, 404, "Not Found"},
		{"the path and a slash", "POST", "/heroku/webhook/", 1, 404, "Not Found"},
		{"another method", "GET", "/heroku/webhook", 0, 404, "Not Found"},
		{"a failing function", "POST", "/heroku/webhook", 1, 500, "Internal Server Error"},
		{"a body over 10 MB", "POST", "/heroku/webhook", maxBody + 1, 413, "Request Entity Too Large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			response, body := send(t, failing, c.method, c.path, nil, io.LimitReader(endless{}, c.size))
			if response.StatusCode != c.status || body != `{"message":"`+c.message+`"}` {
				t.Errorf("got %s: %s", response.Status, body)
			}
		})
	}
}

func TestFunctionIsNotToldWhenTheClientGoesAway(t *testing.T) {
	t.Parallel()
	gone, leave := context.WithCancel(t.Context())
	leave()
	w := httptest.NewRecorder()
	api := &httpAPI{route: route, invoke: func(ctx context.Context, _ []byte) ([]byte, error) { return []byte(`{"statusCode":204}`), ctx.Err() }}
	api.ServeHTTP(w, httptest.NewRequestWithContext(gone, "POST", "/heroku/webhook", nil))
	if w.Code != 204 {
		t.Errorf("status %d", w.Code)
	}
}

func TestHTTPAPIInvokesTheFunction(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(HTTPAPI(start(t, Config{}), route))
	defer server.Close()
	for kind, want := range map[string]string{"text/plain": "hi", "application/octet-stream": "aGk="} {
		header := http.Header{"Content-Type": {kind}}
		response, body := send(t, server, "POST", "/heroku/webhook", header, strings.NewReader("hi"))
		if response.StatusCode != 201 || body != want {
			t.Errorf("%s gives %s: %s", kind, response.Status, body)
		}
	}
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, errors.New("no space")
	}
	return len(p), nil
}

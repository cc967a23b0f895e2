package herokutest

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// do makes a request with good headers and returns the status and the body of
// the answer.
func do(t *testing.T, s *Server, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/vnd.heroku+json; version=3")
	req.Header.Set("Authorization", "Bearer "+s.Token())
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

func TestRequestOutsideTheSchemaIs422(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-EXAMPLE-value"
	tests := map[string]struct {
		method, path, body string
		violation          string
	}{
		"a number as config var":   {"PATCH", "/config-vars", `{"FOO": 1}`, "request PATCH /apps/{app}/config-vars: at /FOO: type"},
		"an object as config var":  {"PATCH", "/config-vars", `{"FOO": {"` + secret + `": "` + secret + `"}}`, "request PATCH /apps/{app}/config-vars: at /FOO: type"},
		"a name with a dash":       {"PATCH", "/config-vars", `{"FOO-BAR": "` + secret + `"}`, "request PATCH /apps/{app}/config-vars: at /: additionalProperties"},
		"a list of config vars":    {"PATCH", "/config-vars", `["` + secret + `"]`, "request PATCH /apps/{app}/config-vars: at /: type"},
		"a webhook without url":    {"POST", "/webhooks", `{"include": ["api:release"], "level": "sync"}`, "request POST /apps/{app}/webhooks: at /: required"},
		"a webhook level":          {"POST", "/webhooks", `{"include": ["api:release"], "level": "` + secret + `", "url": "http://h"}`, "request POST /apps/{app}/webhooks: at /level: enum"},
		"a webhook's unknown name": {"POST", "/webhooks", `{"include": [], "level": "sync", "url": "http://h", "x": 1}`, "request POST /apps/{app}/webhooks: at /: additionalProperties"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fixture(t)
			s.CreateApp("sushi")
			status, answer := do(t, s, tt.method, "/apps/sushi"+tt.path, tt.body)
			if status != 422 || !strings.Contains(answer, `"id":"invalid_params"`) {
				t.Errorf("got %d %s", status, answer)
			}
			if got := strings.Join(s.Violations(), "\n"); got != tt.violation {
				t.Errorf("violations %q, want %q", got, tt.violation)
			}
			if strings.Contains(answer+strings.Join(s.Violations(), ""), secret) {
				t.Error("a value got out")
			}
		})
	}
}

func TestRequestThatIsNoJSONIs400(t *testing.T) {
	t.Parallel()
	s := fixture(t)
	s.CreateApp("sushi")
	for _, body := range []string{"", "{", `{"FOO":"` + strings.Repeat("x", maxBody) + `"}`} {
		if status, _ := do(t, s, "PATCH", "/apps/sushi/config-vars", body); status != 400 {
			t.Errorf("body of %d bytes got %d", len(body), status)
		}
	}
}

// A server that answers nonsense must not get away with it.
func TestAnswerOutsideTheSchemaIsTheServersFault(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-EXAMPLE-value"
	const webhooks = "GET /apps/{app}/webhooks"
	good := (&webhook{id: newID(), settings: webhookSettings{Include: []string{releaseEntity}, Level: "sync", URL: "https://h"}}).answer(&App{ID: newID(), Name: "sushi"})
	badID, badURL, badName := good, good, good
	badID.ID, badURL.URL, badName.App.Name = secret, secret, "-"
	tests := map[string]struct {
		pattern string
		value   any
		want    string // "" is well
	}{
		"a good list":         {webhooks, []any{good}, ""},
		"an id not a uuid":    {webhooks, []any{badID}, "at /0/id: format"},
		"a url of the wrong":  {webhooks, []any{badURL}, "at /0/url: format"},
		"a name not allowed":  {webhooks, []any{badName}, "at /0/app/name: pattern"},
		"null":                {webhooks, nil, "at /: type"},
		"what is missing":     {webhooks, []any{map[string]any{"app": map[string]any{}}}, "at /0/app: required"},
		"what is too much":    {webhooks, []any{map[string]any{"app": map[string]any{"id": good.App.ID, "name": "sushi", secret: secret}}}, "at /0/app: additionalProperties"},
		"an unknown status":   {"GET /apps/{app}/webhook-deliveries", []record{{Status: "lost"}}, "at /0/status: enum"},
		"a config var number": {"GET /apps/{app}/config-vars", map[string]int{"FOO": 1}, "at /FOO: type"},
		"an error's form":     {webhooks, map[string]string{"id": "oops", "message": secret}, "at /: type"},
	}
	sch, err := published()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fixture(t)
			s.CreateApp("sushi")
			bad := route{tt.pattern, func(*Server, *call) (any, error) { return tt.value, nil }}
			mux := http.NewServeMux()
			mux.HandleFunc(tt.pattern, s.endpoint(bad, sch[tt.pattern]))
			s.mux = mux
			_, path, _ := strings.Cut(tt.pattern, " ")
			status, answer := do(t, s, "GET", strings.Replace(path, "{app}", "sushi", 1), "")
			violations := strings.Join(s.Violations(), "\n")
			if tt.want == "" {
				if status != 200 || violations != "" {
					t.Errorf("got %d, violations %q", status, violations)
				}
				return
			}
			if status != 500 || !strings.Contains(violations, "answer "+tt.pattern+": "+tt.want) {
				t.Errorf("got %d, violations %q, want %q", status, violations, tt.want)
			}
			if strings.Contains(answer+violations, secret) {
				t.Error("a value got out")
			}
		})
	}
}

func TestErrorOutsideHerokusFormIsTheServersFault(t *testing.T) {
	t.Parallel()
	s := fixture(t)
	s.CreateApp("sushi")
	bad := route{"GET /apps/{app}/webhooks", func(*Server, *call) (any, error) { return nil, io.EOF }}
	mux := http.NewServeMux()
	mux.HandleFunc(bad.pattern, s.endpoint(bad, link{}))
	s.mux = mux
	if status, answer := do(t, s, "GET", "/apps/sushi/webhooks", ""); status != 500 || !strings.Contains(answer, "internal_server_error") {
		t.Errorf("got %d %s", status, answer)
	}
	if got := len(s.Violations()); got != 1 {
		t.Errorf("%d violations", got)
	}
}

func TestSchemaIsHerokusOwn(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{"no JSON": "{", "no links": `{"definitions": {}}`} {
		if _, err := compile([]byte(data)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// fixture is a server without the check for violations, for tests that make some.
func fixture(t *testing.T) *Server {
	t.Helper()
	s, err := NewServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

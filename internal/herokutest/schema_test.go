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
			s := house(t)
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
	s := house(t)
	s.CreateApp("sushi")
	for _, body := range []string{"", "{", `{"FOO":"` + strings.Repeat("x", maxBody) + `"}`} {
		if status, _ := do(t, s, "PATCH", "/apps/sushi/config-vars", body); status != 400 {
			t.Errorf("body of %d bytes got %d", len(body), status)
		}
	}
}

// A house that answers nonsense must not get away with it.
func TestAnswerOutsideTheSchemaIsTheHousesFault(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-EXAMPLE-value"
	good := (&App{Name: "sushi", ID: newID(), server: &Server{user: account{newID(), "a@b.example"}}, releases: []*release{{}}}).answer()
	badID, badURL, badName := good, good, good
	badID.ID, badURL.WebURL, badName.Name = secret, secret, "-"
	tests := map[string]struct {
		pattern string
		value   any
		want    string // "" is well
	}{
		"a good app":          {"GET /apps/{app}", good, ""},
		"an id not a uuid":    {"GET /apps/{app}", badID, "at /id: format"},
		"a url of the wrong":  {"GET /apps/{app}", badURL, "at /web_url: "},
		"a name not allowed":  {"GET /apps/{app}", badName, "at /name: pattern"},
		"null":                {"GET /apps/{app}", nil, "at /: type"},
		"what is missing":     {"GET /apps/{app}", map[string]any{}, "at /: required"},
		"what is too much":    {rateLimits, map[string]any{"remaining": 1, secret: secret}, "at /: additionalProperties"},
		"an unknown status":   {"GET /apps/{app}/webhook-deliveries", []deliveryAnswer{{Status: "lost"}}, "at /0/status: enum"},
		"a config var number": {"GET /apps/{app}/config-vars", map[string]int{"FOO": 1}, "at /FOO: type"},
		"an error's shape":    {"GET /apps", map[string]string{"id": "oops", "message": secret}, "at /: type"},
	}
	sch, err := published()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := house(t)
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

func TestErrorOutsideHerokusFormIsTheHousesFault(t *testing.T) {
	t.Parallel()
	s := house(t)
	for name, err := range map[string]error{"unknown id": &apiError{ID: "oops", Message: "x"}, "no message": &apiError{ID: "not_found"}, "another error": io.EOF} {
		bad := route{"GET /apps", func(*Server, *call) (any, error) { return nil, err }}
		mux := http.NewServeMux()
		mux.HandleFunc("/", s.endpoint(bad, link{}))
		s.mux = mux
		if status, answer := do(t, s, "GET", "/apps", ""); status != 500 || !strings.Contains(answer, "internal_server_error") {
			t.Errorf("%s: got %d %s", name, status, answer)
		}
	}
	if got := len(s.Violations()); got != 3 {
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

// house is a server without the check for violations, for tests that make some.
func house(t *testing.T) *Server {
	t.Helper()
	s, err := NewServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

package herokutest

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxBody is the most that is read of a request, in bytes. Heroku allows an app
// 64 kB of config vars.
const maxBody = 1 << 20

// A route is one call of the Platform API. Its pattern is that of
// [http.ServeMux].
type route struct {
	pattern string
	handle  func(*Server, *call) (any, error)
}

// served is what the house answers; any other call is a 404.
var served = []route{
	{"GET /apps", (*Server).listApps},
	{"GET /apps/{app}", (*Server).getApp},
	{"GET /apps/{app}/config-vars", (*Server).getConfigVars},
	{"PATCH /apps/{app}/config-vars", (*Server).patchConfigVars},
	{"GET /apps/{app}/releases", (*Server).listReleases},
	{"GET /apps/{app}/releases/{release}", (*Server).getRelease},
	{"GET /apps/{app}/releases/{release}/config-vars", (*Server).getReleaseConfigVars},
	{"GET /apps/{app}/webhooks", (*Server).listWebhooks},
	{"POST /apps/{app}/webhooks", (*Server).createWebhook},
	{"GET /apps/{app}/webhooks/{webhook}", (*Server).getWebhook},
	{"PATCH /apps/{app}/webhooks/{webhook}", (*Server).patchWebhook},
	{"DELETE /apps/{app}/webhooks/{webhook}", (*Server).deleteWebhook},
	{"GET /apps/{app}/webhook-deliveries", (*Server).listDeliveries},
	{"GET /apps/{app}/webhook-deliveries/{delivery}", (*Server).getDelivery},
	{rateLimits, (*Server).getRateLimits},
}

// A call is one request on its way through a route.
type call struct {
	request *http.Request
	app     *App        // the one that the path names, if it names one
	body    []byte      // checked against the schema
	header  http.Header // of the answer
	status  int         // of the answer
}

// An apiError is an answer in Heroku's error shape.
type apiError struct {
	ID       string `json:"id"`
	Message  string `json:"message"`
	URL      string `json:"url,omitempty"`
	Resource string `json:"resource,omitempty"`
}

func (e *apiError) Error() string { return e.ID + ": " + e.Message }

// errorStatus holds the error ids that Heroku documents and the house gives.
var errorStatus = map[string]int{
	"bad_request":                     http.StatusBadRequest,
	"unauthorized":                    http.StatusUnauthorized,
	"not_found":                       http.StatusNotFound,
	"not_acceptable":                  http.StatusNotAcceptable,
	"requested_range_not_satisfiable": http.StatusRequestedRangeNotSatisfiable,
	"invalid_params":                  http.StatusUnprocessableEntity,
	"rate_limit":                      http.StatusTooManyRequests,
	"internal_server_error":           http.StatusInternalServerError,
}

func (s *Server) routes(sch schema) *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range served {
		mux.Handle(r.pattern, s.endpoint(r, sch[r.pattern]))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		s.fail(w, &apiError{ID: "not_found", Message: "The requested API endpoint was not found."})
	})
	return mux
}

// api is the innermost handler: the door, then the route.
func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	id := newID()
	if theirs := r.Header.Get("Request-Id"); theirs != "" {
		id = theirs + "," + id
	}
	w.Header().Set("Request-Id", id)
	w.Header().Set("Content-Type", "application/json")
	if err := s.admit(w.Header(), r); err != nil {
		s.fail(w, err)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// admit checks the headers that every call needs, and charges the account for
// it.
func (s *Server) admit(answer http.Header, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := r.Header.Get("Authorization") == "Bearer "+s.token
	allowed := true
	if _, pattern := s.mux.Handler(r); known && pattern != rateLimits {
		allowed = s.limit.take(time.Now())
	}
	answer.Set("RateLimit-Remaining", strconv.Itoa(s.limit.remaining(time.Now())))
	switch {
	case !acceptable(r.Header.Get("Accept")):
		return &apiError{ID: "not_acceptable", Message: "The Accept header must name application/vnd.heroku+json; version=3."}
	case !known:
		return &apiError{ID: "unauthorized", Message: "Invalid credentials provided.", URL: docs + "#authentication"}
	case !allowed:
		return &apiError{ID: "rate_limit", Message: "Your account reached the API rate limit.", URL: docs + "#rate-limits"}
	}
	return nil
}

const docs = "https://devcenter.heroku.com/articles/platform-api-reference"

// acceptable tells whether an Accept header asks for version 3 or one of its
// variants, such as 3.webhooks.
func acceptable(accept string) bool {
	kind, params, err := mime.ParseMediaType(accept)
	version := params["version"]
	return err == nil && kind == "application/vnd.heroku+json" && (version == "3" || strings.HasPrefix(version, "3."))
}

func (s *Server) endpoint(r route, l link) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		c := &call{request: req, header: w.Header(), status: http.StatusOK}
		answer, err := s.answer(c, r, l)
		if err != nil {
			s.fail(w, err)
			return
		}
		w.WriteHeader(c.status)
		_, _ = w.Write(answer)
	}
}

func (s *Server) answer(c *call, r route, l link) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, c.request.Body, maxBody))
	if err != nil {
		return nil, &apiError{ID: "bad_request", Message: "The body could not be read."}
	}
	c.body = body
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkRequest(c, r, l); err != nil {
		return nil, err
	}
	value, err := r.handle(s, c)
	if err != nil {
		return nil, err
	}
	return s.checkAnswer(value, r, l)
}

// checkRequest finds the app and holds the body against the schema.
func (s *Server) checkRequest(c *call, r route, l link) error {
	if id := c.request.PathValue("app"); id != "" {
		if c.app = s.findApp(id); c.app == nil {
			return &apiError{ID: "not_found", Message: "Couldn't find that app.", Resource: "app"}
		}
	}
	if l.request == nil {
		return nil
	}
	problems, err := check(l.request, c.body)
	if err != nil {
		return &apiError{ID: "bad_request", Message: "The body is not JSON."}
	}
	if len(problems) > 0 {
		s.violate("request", r, problems)
		return &apiError{ID: "invalid_params", Message: "The body does not follow the schema: " + strings.Join(problems, "; ")}
	}
	return nil
}

// checkAnswer writes an answer as JSON and holds it against the schema.
func (s *Server) checkAnswer(value any, r route, l link) ([]byte, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	problems, err := check(l.answer, body)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		s.violate("answer", r, problems)
		return nil, &apiError{ID: "internal_server_error", Message: "The answer did not follow the schema."}
	}
	return body, nil
}

func (s *Server) violate(kind string, r route, problems []string) {
	for _, p := range problems {
		s.violations = append(s.violations, kind+" "+r.pattern+": "+p)
	}
}

// fail answers an error. One that is not in Heroku's shape is a fault of the
// house.
func (s *Server) fail(w http.ResponseWriter, err error) {
	var e *apiError
	if !errors.As(err, &e) || errorStatus[e.ID] == 0 || e.Message == "" {
		s.mu.Lock()
		s.violations = append(s.violations, "error without a known id and a message")
		s.mu.Unlock()
		e = &apiError{ID: "internal_server_error", Message: "Internal server error."}
	}
	w.WriteHeader(errorStatus[e.ID])
	_ = json.NewEncoder(w).Encode(e)
}

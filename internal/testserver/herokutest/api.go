package herokutest

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
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

// rateLimits is the one call that costs no request: "Requests to this endpoint do
// not count towards the rate limit", says the schema.
const rateLimits = "GET /account/rate-limits"

// getRateLimits answers how many requests the account has left:
// https://devcenter.heroku.com/articles/platform-api-reference#rate-limit
func (s *Server) getRateLimits(*call) (any, error) {
	return map[string]int{"remaining": s.requests}, nil
}

// served are the calls that the server answers; any other call is a 404.
var served = []route{
	{rateLimits, (*Server).getRateLimits},
	{"GET /apps", (*Server).listApps},
	{"POST /apps", (*Server).postApp},
	{"DELETE /apps/{app}", (*Server).deleteApp},
	{"POST /apps/{app}/collaborators", (*Server).addCollaborator},
	{"POST /apps/{app}/addons", (*Server).addAddOn},
	{"GET /oauth/authorizations", (*Server).listAuthorizations},
	{"POST /oauth/authorizations", (*Server).createAuthorization},
	{"DELETE /oauth/authorizations/{authorization}", (*Server).deleteAuthorization},
	{"GET /apps/{app}/config-vars", (*Server).getConfigVars},
	{"PATCH /apps/{app}/config-vars", (*Server).patchConfigVars},
	{"GET /apps/{app}/addon-attachments", (*Server).listAttachments},
	{"GET /apps/{app}/releases", (*Server).listReleases},
	{"GET /apps/{app}/webhooks", (*Server).listWebhooks},
	{"POST /apps/{app}/webhooks", (*Server).createWebhook},
	{"PATCH /apps/{app}/webhooks/{webhook}", (*Server).patchWebhook},
	{"DELETE /apps/{app}/webhooks/{webhook}", (*Server).deleteWebhook},
	{"GET /apps/{app}/webhook-deliveries", (*Server).listDeliveries},
}

// A call is one request on its way through a route.
type call struct {
	request *http.Request
	app     *App        // the one that the path names, if it names one
	body    []byte      // checked against the schema
	header  http.Header // of the answer
	status  int         // of the answer
}

// An apiError is an answer in the form of Heroku's errors.
type apiError struct {
	status   int
	ID       string `json:"id"`
	Message  string `json:"message"`
	Resource string `json:"resource,omitempty"` // what was not found
}

func (e *apiError) Error() string { return e.ID + ": " + e.Message }

func refusal(status int, id, message string) *apiError {
	return &apiError{status: status, ID: id, Message: message}
}

func notFound(what string) *apiError {
	return refusal(http.StatusNotFound, "not_found", "Couldn't find that "+what+".")
}

func invalid(message string) error {
	return refusal(http.StatusUnprocessableEntity, "invalid_params", message)
}

func (s *Server) routes(sch schema) *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range served {
		mux.Handle(r.pattern, s.endpoint(r, sch[r.pattern]))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { s.fail(w, notFound("endpoint")) })
	return mux
}

// api is the innermost handler. It checks the headers and calls the route.
func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if err := s.checkHeaders(w.Header(), r); err != nil {
		s.fail(w, err)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// checkHeaders checks the headers that every request needs. It charges the account for
// the request, unless the request asks how many are left.
func (s *Server) checkHeaders(answer http.Header, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !acceptable(r.Header.Get("Accept")) {
		return refusal(http.StatusNotAcceptable, "not_acceptable", "The Accept header must name application/vnd.heroku+json; version=3.")
	}
	scope, ok := s.scopeOf(r)
	if !ok {
		return refusal(http.StatusUnauthorized, "unauthorized", "Invalid credentials provided.")
	}
	_, pattern := s.mux.Handler(r)
	free := pattern == rateLimits
	allowed := s.requests > 0 || free
	if allowed && !free {
		s.requests--
	}
	answer.Set("RateLimit-Remaining", strconv.Itoa(s.requests))
	if !allowed {
		return refusal(http.StatusTooManyRequests, "rate_limit", "Your account reached the API rate limit.")
	}
	if need := accepted(r.Method, pattern); !slices.ContainsFunc(scope, func(has string) bool { return slices.Contains(need, has) }) {
		return refusal(http.StatusForbidden, "forbidden", "The scope of the token does not allow this.")
	}
	return nil
}

// A variant of version 3, such as 3.sdk or 3.webhooks, is what Heroku's own clients
// ask for: https://devcenter.heroku.com/articles/platform-api-reference#versioning
var version3 = regexp.MustCompile(`^3(\.[a-z][a-z-]*)?$`)

// acceptable reports whether an Accept header asks for version 3 or a variant of it. The
// server gives the same answer to all of them.
func acceptable(accept string) bool {
	kind, params, err := mime.ParseMediaType(accept)
	return err == nil && kind == "application/vnd.heroku+json" && version3.MatchString(params["version"])
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
		return nil, refusal(http.StatusBadRequest, "bad_request", "The body could not be read.")
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

// checkRequest finds the app and checks the body against the schema.
func (s *Server) checkRequest(c *call, r route, l link) error {
	if strings.Contains(r.pattern, "{app}") {
		if err := s.checkApp(c); err != nil {
			return err
		}
	}
	if l.request == nil {
		return nil
	}
	problems, err := check(l.request, c.body)
	if err != nil {
		return refusal(http.StatusBadRequest, "bad_request", "The body is not JSON.")
	}
	if len(problems) > 0 {
		s.violate("request", r, problems)
		return invalid("The body does not follow the schema: " + strings.Join(problems, "; "))
	}
	return nil
}

// checkApp finds the app that the path names, for an account that may see it.
func (s *Server) checkApp(c *call) error {
	c.app = s.findApp(c.request.PathValue("app"))
	if c.app == nil {
		missing := notFound("app")
		missing.Resource = "app"
		return missing
	}
	if c.app.foreign {
		return refusal(http.StatusForbidden, "forbidden", "You do not have access to the app "+c.app.Name+".")
	}
	return nil
}

// checkAnswer writes an answer as JSON and checks it against the schema.
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
		return nil, refusal(http.StatusInternalServerError, "internal_server_error", "The answer did not follow the schema.")
	}
	return body, nil
}

func (s *Server) violate(kind string, r route, problems []string) {
	for _, p := range problems {
		s.violations = append(s.violations, kind+" "+r.pattern+": "+p)
	}
}

// fail answers with an error. An error that does not have Heroku's form is recorded as a
// violation by the server.
func (s *Server) fail(w http.ResponseWriter, err error) {
	var e *apiError
	if !errors.As(err, &e) {
		s.mu.Lock()
		s.violations = append(s.violations, "an error that is not in Heroku's form")
		s.mu.Unlock()
		e = refusal(http.StatusInternalServerError, "internal_server_error", "Internal server error.")
	}
	w.WriteHeader(e.status)
	_ = json.NewEncoder(w).Encode(e)
}

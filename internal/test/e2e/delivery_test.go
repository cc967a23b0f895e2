package e2e_test

import (
	"cmp"
	"encoding/json"
	"strings"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// request is a delivery that a test sends in place of Heroku.
type request struct {
	body        string
	contentType string // default application/json
	signature   string // default: the right one
	key         string // of the default signature; default the stack's
}

// announce tells the webhook of a release of the app, and returns the status of its
// answer.
func (s *stack) announce(app *herokutest.App) int {
	s.t.Helper()
	return s.deliver(request{body: string(app.ReleaseEvent("create"))})
}

// deliver sends a request to the webhook's public address and returns the status of
// the answer. It fails the test if the answer shows a credential.
func (s *stack) deliver(r request) int {
	s.t.Helper()
	if r.signature == "" {
		r.signature = herokutest.Sign(cmp.Or(r.key, stacktest.SigningKey), []byte(r.body))
	}
	status, answer, err := s.Deliver(s.t.Context(), []byte(r.body), cmp.Or(r.contentType, "application/json"), r.signature)
	s.must(err)
	if len(answer) > 0 && !json.Valid(answer) || strings.Contains(string(answer), "EXAMPLE") {
		s.t.Errorf("the answer's body is %q", answer)
	}
	return status
}

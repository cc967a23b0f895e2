package lambdatest

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestOnlyTheFirstOutcomeOfTheCurrentInvocationCounts(t *testing.T) {
	t.Parallel()
	s := &sandbox{outcomes: make(chan outcome, 1)}
	s.current.Store(&invocation{id: "current"})
	for _, c := range []struct {
		id, body string
		status   int
	}{
		{"another", "1", 400},
		{"current", "2", 202},
		{"current", "3", 400},
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(c.body))
		r.SetPathValue("id", c.id)
		w := httptest.NewRecorder()
		s.response(w, r)
		if w.Code != c.status {
			t.Errorf("outcome %s: %d, want %d", c.body, w.Code, c.status)
		}
	}
	if o := <-s.outcomes; string(o.payload) != "2" || len(s.outcomes) > 0 {
		t.Errorf("the outcome is %s, and %d more", o.payload, len(s.outcomes))
	}
}

package herokutest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	heroku "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/testserver/herokutest"
)

// The product sees a fault as heroku-go reports it.
func TestFaultsAsHerokuGoSeesThem(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault  herokutest.Fault
		status int // of the heroku.Error; 0: it is another error
		none   bool
	}{
		"403":           {fault: herokutest.Refuse(403, "forbidden"), status: 403},
		"429":           {fault: herokutest.Refuse(429, "rate_limit"), status: 429},
		"500":           {fault: herokutest.Refuse(500, "internal_server_error"), status: 500},
		"a page":        {fault: herokutest.HTML503()},
		"a redirect":    {fault: herokutest.Status(302, "application/json", "{}"), status: 302},
		"a reset":       {fault: herokutest.Drop()},
		"half a body":   {fault: herokutest.CutBody()},
		"null":          {fault: herokutest.Null(), none: true},
		"a slow answer": {fault: herokutest.Trickle(time.Microsecond), none: true},
		"once":          {fault: herokutest.Times(1, herokutest.Refuse(503, "maintenance")), status: 503},
		"never":         {fault: herokutest.Times(0, herokutest.Drop()), none: true},
		"on its route":  {fault: herokutest.On(configVars, herokutest.Refuse(503, "maintenance")), status: 503},
		"on another":    {fault: herokutest.On("PATCH /apps/{app}/config-vars", herokutest.Refuse(503, "maintenance")), none: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.CreateApp("sushi").Set("FOO", "bar")
			unwrap := s.Wrap(tt.fault)
			vars, err := newClient(t, s, s.Token()).ConfigVarInfoForApp(t.Context(), "sushi")
			if tt.none != (err == nil) {
				t.Errorf("vars %v, error %v", vars, err)
			}
			if err != nil {
				var he heroku.Error
				if errors.As(err, &he) != (tt.status != 0) || he.StatusCode != tt.status {
					t.Errorf("error %v with status %d", err, he.StatusCode)
				}
			}
			unwrap()
			if got := configVar(t, s, "sushi", "FOO"); got != "bar" {
				t.Errorf("without the fault: %q", got)
			}
		})
	}
}

func TestFaultIsOverAfterItsTimes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi")
	defer s.Wrap(herokutest.Times(2, herokutest.HTML503()))()
	other := s.Wrap(herokutest.Times(0, herokutest.HTML503())) // must not start the first one's count again
	var got []int
	for range 3 {
		got = append(got, raw(t, s, "GET", "/apps/sushi/config-vars", "", nil).StatusCode)
		other()
	}
	if got[0] != 503 || got[1] != 503 || got[2] != 200 {
		t.Errorf("got %v", got)
	}
}

func TestHangLastsAsLongAsTheClient(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	over := make(chan struct{})
	s.Wrap(func(next http.Handler) http.Handler {
		hang := herokutest.Hang()(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(over)
			giveUp() // not by a deadline, which could end before the request is here
			hang.ServeHTTP(w, r)
		})
	})
	_, err := newClient(t, s, s.Token()).ConfigVarUpdate(ctx, "sushi", map[string]*string{"FOO": heroku.String("bar")})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	<-over
}

func TestSlowAnswerIsCutShortByItsClient(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.CreateApp("sushi").Set("FOO", "bar")
	s.Wrap(herokutest.Trickle(time.Hour))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := newClient(t, s, s.Token()).ConfigVarInfoForApp(ctx, "sushi"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

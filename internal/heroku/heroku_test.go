package heroku_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/heroku"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/herokutest"
)

const configVars = "GET /apps/{app}/config-vars"

func fixture(t *testing.T) (*herokutest.Server, *heroku.API) {
	t.Helper()
	server, err := herokutest.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
		for _, violation := range server.Violations() {
			t.Error(violation)
		}
	})
	tokens := &credential.Ring{Read: func(context.Context) ([]credential.Value, error) {
		return []credential.Value{credential.New(server.Token())}, nil
	}}
	return server, &heroku.API{URL: server.URL, Tokens: tokens, Transport: transport}
}

func TestConfigVarsComeByNameOrIDAndOneThatIsNullIsAbsent(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	app := server.CreateApp("shop")
	app.Set("DATABASE_URL", "EXAMPLE")
	app.Set("EMPTY", "")
	app.SetNull("NULL")
	for _, identity := range []string{app.Name, app.ID} {
		vars, err := api.ConfigVars(t.Context(), identity)
		if err != nil {
			t.Fatal(err)
		}
		_, empty := vars["EMPTY"]
		_, null := vars["NULL"]
		if vars["DATABASE_URL"].Reveal() != "EXAMPLE" || !empty || null {
			t.Errorf("got %d config vars", len(vars))
		}
	}
}

func TestReleasedIsTheNewestRelease(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	app := server.CreateApp("shop")
	app.Set("FOO", "1")
	var answer []struct {
		Version int
		Created time.Time `json:"created_at"`
	}
	server.Wrap(listen(t, &answer))
	released, err := api.Released(t.Context(), "shop")
	if err != nil || len(answer) != 1 || answer[0].Version != 2 || !released.Equal(answer[0].Created) {
		t.Errorf("%v, %v of %+v", released, err, answer)
	}
}

// listen decodes the next answer, which goes on its way.
func listen(t *testing.T, answer any) herokutest.Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			made := httptest.NewRecorder()
			next.ServeHTTP(made, r)
			if err := json.Unmarshal(made.Body.Bytes(), answer); err != nil {
				t.Error(err)
			}
			w.WriteHeader(made.Code)
			w.Write(made.Body.Bytes())
		})
	}
}

func TestAnAppWithoutReleasesIsAnError(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	if _, err := api.Released(t.Context(), "none-such"); err == nil {
		t.Error("an app that is none has a release")
	}
	server.Wrap(herokutest.Status(200, "application/json", "[]"))
	if _, err := api.Released(t.Context(), "shop"); err == nil {
		t.Error("a list of none has a newest release")
	}
}

// heroku-go would put it into the path as it is.
func TestAnAppThatIsAPathIsNotAskedFor(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	for _, app := range []string{"", "../account", "shop/config-vars?", "Shop"} {
		if _, err := api.ConfigVars(t.Context(), app); err == nil {
			t.Errorf("app %q has config vars", app)
		}
	}
	if calls := server.Calls(); len(calls) != 0 {
		t.Errorf("calls %v", calls)
	}
}

func TestATokenThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	server.CreateApp("shop")
	away := errors.New("the token is away")
	token := server.Token()
	reads := 0
	api.Tokens = &credential.Ring{Read: func(context.Context) ([]credential.Value, error) {
		if reads++; reads == 2 {
			return []credential.Value{credential.New(token)}, nil
		}
		return nil, away
	}}
	if _, err := api.ConfigVars(t.Context(), "shop"); !errors.Is(err, away) || len(server.Calls()) != 0 {
		t.Errorf("%v after %v", err, server.Calls())
	}
	server.RotateToken()
	if _, err := api.ConfigVars(t.Context(), "shop"); !errors.Is(err, away) || !errors.Is(err, reconcile.ErrToken) {
		t.Errorf("refused, and not to be read again: %v", err)
	}
}

func TestANewTokenIsFetchedWhenTheOldOneIsRefused(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	server.CreateApp("shop")
	if _, err := api.ConfigVars(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	server.RotateToken()
	server.ResetCalls()
	if _, err := api.ConfigVars(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if n := server.Calls()[configVars]; n != 2 {
		t.Errorf("%d calls", n)
	}
}

func TestATokenThatStaysRefusedIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	server.CreateApp("shop")
	server.Wrap(herokutest.Refuse(403, "forbidden"))
	_, err := api.ConfigVars(t.Context(), "shop")
	var status *heroku.StatusError
	if !errors.As(err, &status) || status.Code != 403 || status.ID != "forbidden" || server.Calls()[configVars] != 1 {
		t.Errorf("%v after %v", err, server.Calls())
	}
}

func TestStatusesAreErrorsAndTellWhatToDo(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault   herokutest.Fault
		says    string
		limited bool
		calls   int
	}{
		"401":                    {herokutest.Refuse(401, "unauthorized"), "401 unauthorized: the API token is not valid", false, 1},
		"404":                    {herokutest.Refuse(404, "not_found"), "404 not_found: the app does not exist or", false, 1},
		"429":                    {herokutest.Refuse(429, "rate_limit"), "429 rate_limit", true, 1},
		"429 without Heroku":     {herokutest.Status(429, "text/html", "<html>"), "429", true, 1},
		"an id that is a poem":   {herokutest.Status(400, "application/json", `{"id":"EXAMPLE token was seen"}`), "answered 400", false, 1},
		"500":                    {herokutest.Refuse(500, "internal"), "500 internal", false, 3},
		"503 of HTML":            {herokutest.HTML503(), "answered 503", false, 3},
		"cut JSON":               {herokutest.CutBody(), "could not be read", false, 3},
		"null":                   {herokutest.Null(), "could not be read", false, 3},
		"not JSON":               {herokutest.Status(200, "text/html", "EXAMPLE"), "could not be read", false, 3},
		"numbers for texts":      {herokutest.Status(200, "application/json", `{"DATABASE_URL":1}`), "could not be read", false, 3},
		"more than is plausible": {herokutest.Status(200, "application/json", `{"A":"`+strings.Repeat("x", 2<<20)+`"}`), "could not be read", false, 3},
		"a dropped connection":   {herokutest.Drop(), "shop", false, 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, api := fixture(t)
			server.CreateApp("shop").Set("DATABASE_URL", "EXAMPLE")
			server.Wrap(tt.fault)
			vars, err := api.ConfigVars(t.Context(), "shop")
			if err == nil || vars != nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "config vars of app shop") {
				t.Fatalf("%v", err)
			}
			if strings.Contains(err.Error(), "EXAMPLE") {
				t.Errorf("the error quotes the answer: %v", err)
			}
			if errors.Is(err, reconcile.ErrRateLimited) != tt.limited {
				t.Errorf("is it the rate limit? %v", err)
			}
			if n := server.Calls()[configVars]; n != tt.calls {
				t.Errorf("%d calls, want %d", n, tt.calls)
			}
		})
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	server.CreateApp("shop")
	server.Wrap(herokutest.Hang())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := api.ConfigVars(ctx, "shop"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// In the log it stands beside AWS and a database, which may be what cannot be reached.
func TestAnErrorOfTheNetworkNamesHeroku(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	server.Close()
	if _, err := api.ConfigVars(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), "the connection to Heroku failed") {
		t.Error(err)
	}
}

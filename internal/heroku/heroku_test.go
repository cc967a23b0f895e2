package heroku_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/heroku"
	"keepcurrent.example/internal/herokutest"
	"keepcurrent.example/internal/keeper"
	"keepcurrent.example/internal/keyring"
)

const configVars = "GET /apps/{app}/config-vars"

func house(t *testing.T) (*herokutest.Server, *heroku.API) {
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
	tokens := &keyring.Ring{Read: func(context.Context) ([]credential.Value, error) {
		return []credential.Value{credential.New(server.Token())}, nil
	}}
	return server, &heroku.API{URL: server.URL, Tokens: tokens, Transport: transport}
}

func TestConfigVars(t *testing.T) {
	t.Parallel()
	server, api := house(t)
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
	server, api := house(t)
	app := server.CreateApp("shop")
	app.Deploy()
	before := time.Now().Add(-2 * time.Second) // Heroku's times have seconds
	app.Deploy()
	released, err := api.Released(t.Context(), "shop")
	if err != nil || released.Before(before) || released.After(time.Now()) {
		t.Errorf("%v, %v", released, err)
	}
	if _, err := api.Released(t.Context(), "none-such"); err == nil {
		t.Error("an app that is none has a release")
	}
}

func TestANewTokenIsFetchedWhenTheOldOneIsRefused(t *testing.T) {
	t.Parallel()
	server, api := house(t)
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
	server, api := house(t)
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
			server, api := house(t)
			server.CreateApp("shop").Set("DATABASE_URL", "EXAMPLE")
			server.Wrap(tt.fault)
			vars, err := api.ConfigVars(t.Context(), "shop")
			if err == nil || vars != nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "config vars of app shop") {
				t.Fatalf("%v", err)
			}
			if strings.Contains(err.Error(), "EXAMPLE") {
				t.Errorf("the error quotes the answer: %v", err)
			}
			if errors.Is(err, keeper.ErrRateLimited) != tt.limited {
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
	server, api := house(t)
	server.CreateApp("shop")
	server.Wrap(herokutest.Hang())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := api.ConfigVars(ctx, "shop"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

package heroku_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/heroku"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/herokutest"
)

const rateLimits = "GET /account/rate-limits"

// testdata/heroku-answers.json says whether an answer is about the token or the app.
func TestARefusalIsTheTokensOnlyIfHerokuRefusesItForTheAccountToo(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/heroku-answers.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Cases []struct {
			Status, RateLimits int
			ID, Says, Outcome  string
			Alarm, Asked       bool
		}
	}
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	for _, tt := range table.Cases {
		t.Run(fmt.Sprint(tt.Status, " ", tt.ID, " and ", tt.RateLimits), func(t *testing.T) {
			t.Parallel()
			server, api := fixture(t)
			server.CreateApp("shop")
			server.Wrap(herokutest.On(configVars, herokutest.Refuse(tt.Status, tt.ID)))
			answerRateLimits(server, tt.RateLimits)
			_, err := api.ConfigVars(t.Context(), "shop")
			if err == nil || !strings.Contains(err.Error(), tt.Says) {
				t.Errorf("the error does not say %q: %v", tt.Says, err)
			}
			if errors.Is(err, reconcile.ErrToken) != tt.Alarm {
				t.Errorf("is it the token? %v", err)
			}
			if errors.Is(err, reconcile.ErrRateLimited) != (tt.Outcome == "deferred") {
				t.Errorf("is it the rate limit? %v", err)
			}
			if asked := server.Calls()[rateLimits] > 0; asked != tt.Asked {
				t.Errorf("the token was checked: %t", asked)
			}
		})
	}
}

// answerRateLimits answers a token's check with the status; 0 breaks the connection off.
func answerRateLimits(server *herokutest.Server, status int) {
	switch status {
	case http.StatusOK:
	case 0:
		server.Wrap(herokutest.On(rateLimits, herokutest.Drop()))
	default:
		server.Wrap(herokutest.On(rateLimits, herokutest.Refuse(status, "some_word")))
	}
}

func TestAnAppOfAnotherAccountIsNotTheTokensFault(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	server.CreateForeignApp("theirs")
	_, err := api.ConfigVars(t.Context(), "theirs")
	if err == nil || errors.Is(err, reconcile.ErrToken) || !strings.Contains(err.Error(), "heroku access:add") {
		t.Errorf("%v", err)
	}
}

// A round over many apps of another account, or with a revoked token, makes one check.
func TestManyRefusalsAtOnceShareOneCheck(t *testing.T) {
	t.Parallel()
	for name, works := range map[string]bool{"the token works": true, "the token is dead": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, api := fixture(t)
			server.Wrap(herokutest.On(configVars, herokutest.Refuse(403, "forbidden")))
			if !works {
				answerRateLimits(server, 401)
			}
			var wg sync.WaitGroup
			for i := range 60 {
				wg.Go(func() {
					if _, err := api.ConfigVars(t.Context(), fmt.Sprint("app-", i)); errors.Is(err, reconcile.ErrToken) == works {
						t.Errorf("app-%d: %v", i, err)
					}
				})
			}
			wg.Wait()
			if n := server.Calls()[rateLimits]; n != 1 {
				t.Errorf("the token was checked %d times", n)
			}
			api.AgeCheck(time.Minute)
			_, _ = api.ConfigVars(t.Context(), "shop")
			if n := server.Calls()[rateLimits]; n != 2 {
				t.Errorf("a minute later the token was checked %d times in all", n)
			}
		})
	}
}

// The result for one token does not apply to another.
func TestANewTokenIsCheckedAnew(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	server.CreateForeignApp("theirs")
	token := "EXAMPLE-dead"
	api.Tokens = &credential.Ring{Read: func(context.Context) ([]credential.Value, error) {
		return []credential.Value{credential.New(token)}, nil
	}}
	if _, err := api.ConfigVars(t.Context(), "theirs"); !errors.Is(err, reconcile.ErrToken) {
		t.Errorf("with a dead token: %v", err)
	}
	token = server.Token()
	if _, err := api.ConfigVars(t.Context(), "theirs"); err == nil || errors.Is(err, reconcile.ErrToken) {
		t.Errorf("with a new token: %v", err)
	}
	if n := server.Calls()[rateLimits]; n != 2 {
		t.Errorf("the tokens were checked %d times", n)
	}
}

// A run that is out of time has no result, so the next run makes the check.
func TestACheckThatItsRunEndedIsNotRemembered(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	server.CreateForeignApp("theirs")
	heal := server.Wrap(herokutest.On(rateLimits, herokutest.Hang()))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := api.ConfigVars(ctx, "theirs"); err == nil || errors.Is(err, reconcile.ErrToken) {
		t.Errorf("%v", err)
	}
	heal()
	if _, err := api.ConfigVars(t.Context(), "theirs"); err == nil || !strings.Contains(err.Error(), "the API token works") {
		t.Errorf("%v", err)
	}
}

// A token that reads config vars need not write webhooks, nor list them: it is a good one.
func TestATokenThatMayOnlyReadIsToldSo(t *testing.T) {
	t.Parallel()
	server, api := fixture(t)
	server.CreateApp("shop")
	for route, test := range map[string]struct {
		do   func() error
		want error
	}{
		"POST /apps/{app}/webhooks": {func() error {
			return api.Subscribe(t.Context(), "shop", heroku.Webhook{URL: "https://hook.example", Level: "sync", Include: []string{"api:release"}}, credential.New("EXAMPLE"))
		}, heroku.ErrMayNotWrite},
		"DELETE /apps/{app}/webhooks/{webhook}": {func() error { return api.Unsubscribe(t.Context(), "shop", "an-id") }, heroku.ErrMayNotWrite},
		"GET /apps/{app}/webhooks": {func() error {
			_, err := api.Subscriptions(t.Context(), "shop")
			return err
		}, heroku.ErrMayNotList},
	} {
		heal := server.Wrap(herokutest.On(route, herokutest.Refuse(403, "forbidden")))
		if err := test.do(); !errors.Is(err, test.want) || errors.Is(err, reconcile.ErrToken) {
			t.Errorf("%s: %v", route, err)
		}
		heal()
	}
	server, api = fixture(t) // which has not found its token good
	server.Wrap(herokutest.Refuse(403, "forbidden"))
	if _, err := api.Subscriptions(t.Context(), "shop"); errors.Is(err, heroku.ErrMayNotList) || !errors.Is(err, reconcile.ErrToken) {
		t.Errorf("a token that is refused for everything: %v", err)
	}
}

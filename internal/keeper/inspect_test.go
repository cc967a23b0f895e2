package keeper_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"keepcurrent.example/internal/keeper"
)

func TestAnInspectionLooksAtEveryBindingAndTellsWhatWouldChange(t *testing.T) {
	t.Parallel()
	const no = "the server refuses the login"
	tests := map[string]struct {
		shown  int   // the URL that Heroku shows; two of the secrets hold 1
		answer error // to a login with it
		want   map[string]string
	}{
		"equal":                         {1, nil, map[string]string{"json": "unchanged [] <nil>", "url": "unchanged [] <nil>", "empty": "published [everything] <nil>"}},
		"another password":              {2, nil, map[string]string{"json": "published [password] <nil>", "url": "published [password] <nil>", "empty": "published [everything] <nil>"}},
		"another password, and refused": {2, keeper.ErrRefused, map[string]string{"json": "held [password] " + no, "url": "held [password] " + no, "empty": "held [everything] " + no}},
		"equal, and refused":            {1, keeper.ErrRefused, map[string]string{"json": "held [] " + no, "url": "held [] " + no, "empty": "held [everything] " + no}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.account.show(1)
			h.mustPublish(h.bind("json"))
			h.mustPublish(h.bind("url", "heroku:format=url"))
			h.bind("empty")
			h.account.show(tt.shown)
			h.database.answer(tt.shown, tt.answer)
			h.keeper.DryRun, h.keeper.Inspect = true, true
			got := make(map[string]string)
			for _, r := range h.poll() {
				login := errors.New("no login")
				if r.Login != nil {
					login = r.Login.Err
				}
				got[r.Name] = fmt.Sprint(r.Outcome, " ", r.Changes, " ", login)
			}
			if !maps.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

package heroku_test

import (
	"testing"
	"testing/synctest"
	"time"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/heroku"
)

func TestWhatIsLeftIsWhatHerokuSaidAndWhatHasComeBackSince(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &answer{body: []byte("{}")}
		api := &heroku.API{URL: "https://heroku.example", Tokens: &credential.Ring{Read: token}, Transport: server, Reserve: 500}
		is := func(when string, left int, known, spare bool) {
			t.Helper()
			if l, k := api.Remaining(); l != left || k != known || api.Spare() != spare {
				t.Errorf("%s: %d (known: %t), to spare: %t", when, l, k, api.Spare())
			}
		}
		hear := func(status int, left string) {
			server.status, server.left = status, left
			_, _ = api.ConfigVars(t.Context(), "shop")
		}
		is("at first", 0, false, true)
		hear(200, "")
		is("after an answer without a number", 0, false, true)
		hear(200, "501")
		is("one more than the reserve", 501, true, true)
		hear(404, "500")
		is("the reserve alone, said with an error", 500, true, false)
		hear(200, "502")
		is("after an older answer that is read later", 500, true, false)
		time.Sleep(time.Minute)
		is("a minute later", 575, true, true)
		hear(200, "poem")
		is("after a number that is none", 575, true, true)
		time.Sleep(2 * time.Hour)
		is("two hours later", 4500, true, true)
		hear(429, "12")
		is("after a 429", 0, true, false)
		time.Sleep(time.Second)
		hear(200, "4000")
		is("after a higher number, a second later", 4000, true, true)
		hear(429, "")
		is("after another 429", 0, true, false)
		time.Sleep(400 * time.Second)
		is("as long as the reserve takes to come back", 500, true, false)
		time.Sleep(time.Second)
		is("and a second", 501, true, true)
	})
}

package heroku_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/heroku"
)

func TestEachTokenSecretIsAnAccountOfItsOwn(t *testing.T) {
	t.Parallel()
	var opened []string
	accounts := &heroku.Accounts{Open: func(token string) *heroku.API {
		opened = append(opened, token)
		return &heroku.API{}
	}}
	if own := accounts.ForToken(""); own != accounts.ForToken("") || own == accounts.ForToken("b") || len(opened) != 2 {
		t.Errorf("opened %q", opened)
	}
	if _, known := accounts.Remaining(); known {
		t.Error("accounts that were never asked are known to have requests left")
	}
}

func TestOneAccountsRequestsAreNotAnothers(t *testing.T) {
	t.Parallel()
	left := map[string]string{"": "3000", "b": "20", "c": ""}
	accounts := &heroku.Accounts{Open: func(token string) *heroku.API {
		return &heroku.API{URL: "https://heroku.example", Tokens: ring("EXAMPLE"), Transport: says(left[token]), Reserve: 100}
	}}
	for token := range left {
		if _, err := accounts.ForToken(token).ConfigVars(t.Context(), "shop"); err != nil {
			t.Fatal(err)
		}
	}
	if !accounts.ForToken("").Spare() || accounts.ForToken("b").Spare() || !accounts.ForToken("c").Spare() {
		t.Error("who has requests to spare is not who has")
	}
	if least, known := accounts.Remaining(); !known || least != 20 {
		t.Errorf("the least is %d (known: %t)", least, known)
	}
}

// says is a Heroku that has so many requests left.
type says string

func (s says) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Ratelimit-Remaining": {string(s)}}, Body: io.NopCloser(strings.NewReader("{}")), Request: req}, nil
}

func ring(token string) *credential.Ring {
	return &credential.Ring{Read: func(context.Context) ([]credential.Value, error) {
		return []credential.Value{credential.New(token)}, nil
	}}
}

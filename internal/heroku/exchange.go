package heroku

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
)

// maxAnswer bounds what is read of an answer. All config vars of an app are at
// most 64 kB (https://devcenter.heroku.com/articles/config-vars).
const maxAnswer = 1 << 20

// errUnreadable says that Heroku answered 200 and the body was cut, or not the
// JSON that it should be.
var errUnreadable = errors.New("Heroku's answer could not be read")

// StatusError is an answer of Heroku's that is not 2xx.
type StatusError struct {
	Code int    // HTTP status
	ID   string // Heroku's word for it, such as not_found; "" if it gave none

	token tokenState // of a 401 or 403
	why   error      // why the state of the token is unknown
}

// advice says what to do about a status, by Heroku's word for it.
var advice = map[string]string{
	"suspended":           "the app or its account is suspended: ask Heroku's support",
	"verification_needed": "the account must be verified: https://heroku.com/verify",
	"delinquent":          "the account has a problem with its billing: see https://dashboard.heroku.com/account/billing",
}

// adviceByCode says it by the HTTP status, where the word has no advice of its own.
var adviceByCode = map[int]string{
	http.StatusPaymentRequired: advice["delinquent"],
	http.StatusNotFound:        "the app does not exist or the token's user cannot see it: check the tag heroku:app and the user's access",
	http.StatusGone:            "the app is gone: check the tag heroku:app, or remove it",
	http.StatusTooManyRequests: "the account's hourly requests are used up",
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("Heroku answered %d", e.Code)
	if e.ID != "" {
		text += " " + e.ID
	}
	if what := e.advice(); what != "" {
		text += ": " + what
	}
	return text
}

func (e *StatusError) advice() string {
	switch {
	case e.token == tokenWorks:
		return "the API token works, but not for this app: it is another account's (check the tag heroku:app), " +
			"the token's user has no access (heroku access:add USER -a APP), or the token lacks the scope read-protected"
	case e.token == tokenRefused && e.Code == http.StatusUnauthorized:
		return "the API token is not valid: put a new one into the token secret"
	case e.token == tokenRefused:
		return "the API token has expired or lacks its scope: put a new one into the token secret"
	case e.token == tokenUnknown:
		return fmt.Sprintf("either the API token is refused or this app is; which of them is unknown (%v)", e.why)
	case advice[e.ID] != "":
		return advice[e.ID]
	}
	return adviceByCode[e.Code]
}

// Unwrap makes 429 [reconcile.ErrRateLimited], and a 401 or 403 [reconcile.ErrToken] if Heroku
// refuses the token for everything else, too.
func (e *StatusError) Unwrap() error {
	switch {
	case e.Code == http.StatusTooManyRequests:
		return reconcile.ErrRateLimited
	case e.token == tokenRefused:
		return reconcile.ErrToken
	}
	return nil
}

// plain keeps of a failed exchange what cannot quote an answer.
func plain(err error) error {
	var status *StatusError
	if errors.As(err, &status) {
		return status
	}
	if network := credential.NetworkError(err); network != nil {
		return fmt.Errorf("the connection to Heroku failed: %w", network)
	}
	return errors.New("the connection to Heroku broke off")
}

// transient reports whether the same request may fare better in a moment.
func transient(err error) bool {
	var status *StatusError
	return !errors.As(err, &status) || status.Code >= 500
}

// exchange is the transport of one request, below heroku-go's.
type exchange struct {
	base     http.RoundTripper
	budget   *budget
	answered bool // with 2xx
}

func (e *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := e.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	e.budget.note(resp)
	// heroku-go prints this header through the standard logger.
	resp.Header.Del("X-Heroku-Warning")
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, statusError(resp)
	}
	e.answered = true
	resp.Body = bounded{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

type bounded struct {
	io.Reader
	io.Closer
}

// statusError keeps Heroku's id of the error, if it looks like one, and nothing
// else of the body.
func statusError(resp *http.Response) error {
	var body struct {
		ID string `json:"id"`
	}
	if json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&body) != nil || !errorID.MatchString(body.ID) {
		body.ID = ""
	}
	return &StatusError{Code: resp.StatusCode, ID: body.ID}
}

// errorID is the form of Heroku's words for errors.
var errorID = regexp.MustCompile(`^[a-z_]{0,40}$`)

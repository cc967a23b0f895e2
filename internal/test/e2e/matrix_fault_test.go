package e2e_test

import (
	"io"
	"net/http"
	"time"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/secretstest"
)

// A fault is one kind of trouble, with a variant for each of the three test servers that
// can have it.
type fault struct {
	name string
	trouble
	away bool // the database's address refuses connections, so the wire sees no call

	slow    bool        // it takes all the time that a try has
	done    bool        // the call is carried out all the same
	refuses bool        // the answer is final: the client does not try again
	outage  bool        // of the database, which begins between two logins
	login   loginResult // what a login shows to the reconciler
}

// loginResult is what a login shows to the reconciler.
type loginResult int

const (
	_ loginResult = iota
	logsIn
	refused
	unreachable
	answered // something else
	full
	noTLS
)

// aList answers with JSON that is no answer of AWS's.
func aList(w http.ResponseWriter, _ *http.Request, _ http.Handler) { _, _ = io.WriteString(w, "[]") }

const pause = 50 * time.Millisecond // in a trickle

var faults = []*fault{
	{name: "time-out", slow: true, login: answered,
		trouble: trouble{secretstest.Hang, herokutest.Hang(), postgrestest.Hang}},
	{name: "slow trickle", slow: true,
		trouble: trouble{secretstest.Trickle(pause), herokutest.Trickle(pause), nil}},
	{name: "reset", login: answered,
		trouble: trouble{secretstest.Reset, herokutest.Drop(), postgrestest.Reset}},
	{name: "answer lost", done: true,
		trouble: trouble{aws: secretstest.LoseAnswer}},
	{name: "5xx",
		trouble: trouble{secretstest.Fail(500, "InternalServiceError"), herokutest.Refuse(500, "internal_server_error"), nil}},
	{name: "cut body",
		trouble: trouble{secretstest.Cut, herokutest.CutBody(), nil}},
	{name: "no JSON",
		trouble: trouble{secretstest.Garble, herokutest.Status(200, "text/html", "<html>"), nil}},
	{name: "wrong JSON",
		trouble: trouble{aList, herokutest.Status(200, "application/json", "[]"), nil}},
	{name: "throttled",
		trouble: trouble{aws: secretstest.Fail(400, "ThrottlingException")}},
	{name: "429", refuses: true,
		trouble: trouble{heroku: herokutest.Refuse(429, "rate_limit")}},
	{name: "4xx", refuses: true,
		trouble: trouble{secretstest.Fail(400, "AccessDeniedException"), herokutest.Refuse(403, "forbidden"), nil}},
	{name: "no connection", login: unreachable, away: true},
	{name: "outage from then on", login: answered, outage: true, trouble: trouble{login: postgrestest.Reset}},
	{name: "garbage", login: noTLS, trouble: trouble{login: postgrestest.Garble}},
	{name: "53300", login: full, trouble: trouble{login: postgrestest.Answer("53300")}},
	{name: "57P03", login: answered, trouble: trouble{login: postgrestest.Answer("57P03")}},
	{name: "28P01", login: refused, trouble: trouble{login: postgrestest.Answer("28P01")}},
}

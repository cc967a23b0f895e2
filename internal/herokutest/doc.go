// Package herokutest is Heroku for tests and demos: its Platform API over real
// HTTP on the loopback, with the world behind it in memory and, if the caller
// brings one, a real Postgres database whose credentials really change.
//
// # What it follows
//
// Every request body and every successful answer is checked against Heroku's
// published schema (api.heroku.com/schema), taken from the copy that heroku-go
// ships in its module. A client that sends what the schema forbids is answered
// 422; a house that answers what the schema forbids is answered 500 and
// remembers its shame in [Server.Violations].
//
// What the schema does not say comes from Heroku's Dev Center:
//
//   - platform-api-reference: the Accept header (406), bearer tokens (401),
//     error bodies {id, message, url}, ranges (206, Next-Range), request ids,
//     rate limits (4500 calls an hour an account, 75 more each minute, 429
//     after that, /account/rate-limits is free).
//   - app-webhooks, app-webhooks-schema: subscriptions (ten an app, a secret
//     generated if none was given and shown once, in a header), the signature
//     over the raw body, levels notify (one attempt) and sync (until a 2xx).
//   - webhook-events: the shape of an event; where Heroku's samples of 2016 and
//     captures of 2025 differ, the captures win.
//   - releases, release-phase: what makes a release; that those made by an
//     add-on have no pending stage.
//   - connecting-to-heroku-postgres-databases-from-outside-of-heroku,
//     heroku-postgresql-credentials: what changes a database URL, and that
//     rotating a default credential kills the old one before anybody is told.
//
// # What it does not know
//
// Heroku does not publish its retry schedule; the house retries after 50 ms,
// doubled up to a second, so that tests are short, and does not give up. Heroku
// does not promise that a config var can be read as soon as its release is
// announced; [Server.HoldConfigVars] lets readers see old values for a while.
// Which error an eleventh webhook gets, and what error_class a failed delivery
// has, are guesses: 422, and "connection" or "timeout".
//
// The package does not depend on testing: the demo is built from it too.
package herokutest

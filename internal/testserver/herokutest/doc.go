// Package herokutest is Heroku for tests and demos: the calls of its Platform
// API that the product and its tests make, over real HTTP on the loopback, and
// the webhooks. Its state is in memory, except the databases: the caller brings these,
// and they may be real ones whose credentials really change.
//
//	server, err := herokutest.NewServer()
//	defer server.Close()
//	addon := server.Provision(server.CreateApp("shop"), database)
//	err = addon.Rotate(ctx) // a new URL, a release, and its events to the webhooks
//
// # Sources
//
// Every request body and every successful answer is checked against Heroku's
// published schema (https://api.heroku.com/schema), taken from the copy that
// heroku-go ships in its module. A client that sends what the schema forbids is
// answered 422. If the server's own answer breaks the schema, the client gets a 500.
// Both are recorded in [Server.Violations]. The answer of an authorization has its
// description, which the schema omits.
//
// What the schema does not say comes from Heroku's Dev Center
// (https://devcenter.heroku.com/articles/ and the name of the page):
//
//   - platform-api-reference: the Accept header (406), bearer tokens (401), apps of
//     other accounts (403), the form of errors, the order and the length of lists
//     (206), the requests of an account (4500, counted down in
//     RateLimit-Remaining, 429 after that; asking how many are left is free).
//   - app-webhooks, app-webhooks-schema, limits: subscriptions (ten an app, a
//     secret generated if none was given and shown once, in a header), the
//     signature over the raw body, the levels notify (one attempt) and sync
//     (until a 2xx).
//   - webhook-events: the form of an event; where Heroku's samples of 2016 and
//     captures of 2025 differ, the captures win. A release has two events; see
//     https://help.heroku.com/JP3QR5I5.
//   - releases, release-phase: what makes a release; that those made by an
//     add-on have no pending stage.
//   - oauth: tokens that a user makes and revokes, beside that of [Server.Token].
//   - connecting-to-heroku-postgres-databases-from-outside-of-heroku,
//     heroku-postgresql-credentials: what changes a database's URL, and that
//     rotating a default credential kills the old one before Heroku tells the app or
//     its webhooks; that an attachment's namespace is null for the default credential
//     and credential:NAME for another.
//
// # Limits
//
// There are no teams, deploys, dynos or release phases. An add-on is attached to its own app
// only. A collaborator can do nothing, as there is one account. An app that the API makes must
// be given a name, and an add-on that it makes is there at once. The API of Heroku Data, which
// the commands pg:… use, is missing. A variant of version 3, such as version=3.sdk, is answered
// like version 3. An account's requests do not come back with time, so that tests can count
// them. The 64 kB that an app's config vars may have are not enforced.
//
// The server refuses a call, and a range of a list, that it does not know; it never ignores
// one. A test runs Heroku's own CLI, with the commands that our pages name, against it.
//
// # Assumptions
//
// Heroku does not publish its retry schedule. The server waits 50 ms, then twice as long each
// time up to a second, and does not give up. It waits 10 s for a receiver's answer. The
// deliveries to one webhook follow each other, so that a failing one delays the next: Heroku
// said so in 2017 (https://github.com/heroku/webhooks-docs). Heroku does not promise that a
// config var can be read as soon as its release is announced; [Server.HoldConfigVars] lets
// readers see old values for a while.
//
// These are guesses:
//
//   - the eleventh webhook and an unknown entity get 422
//   - attachments are listed by id
//   - a config var of an attachment cannot be set, not even to the value that it has
//   - a rotation makes one release, however many names the add-on has
//   - a request whose token is refused costs none of the account's requests
//   - the description of a release that removes a config var
//   - which scope a request for webhooks needs: a token that may only read may list them, and
//     may not make, change or remove one
//
// The package does not depend on testing: the demo is built from it too.
package herokutest

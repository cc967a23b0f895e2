// Package postgrestest runs a PostgreSQL server that behaves like Heroku Postgres. On
// request it does what Heroku does: it rotates a password or a user name, fails over to
// another host, or has an outage.
//
// [Run] gives a test a [Database]: one database with its own role and its own TCP
// forwarder, so that it can move to another address alone. [Database.Intercept] puts a
// [Fault] in place of the server.
//
// A [Cluster] is the server behind the databases: either a throwaway one, made
// by initdb in a temporary directory, or the one that the environment variable
// DATABASE_URL names, which is how Heroku CI offers its in-dyno database.
//
// What works as on Heroku:
//
//   - The URL is postgres://USER:PASSWORD@HOST:PORT/DBNAME with no query
//     string; a user is "u" and 13 characters, a password "p" and 64, a
//     database "d" and 13.
//   - TLS is compulsory and the certificate is self-signed. A plain attempt
//     fails with "no pg_hba.conf entry", SQLSTATE 28000.
//     https://devcenter.heroku.com/articles/connecting-to-heroku-postgres-databases-from-outside-of-heroku
//   - Rotating a default credential kills the old password and its sessions
//     at once ([Database.Rotate]); rotating another one changes the user name
//     and leaves the old one a time of grace ([Database.RotateUser]).
//     https://devcenter.heroku.com/articles/heroku-postgresql-credentials
//   - A failover or a maintenance changes the host ([Database.FailOver]).
//     https://devcenter.heroku.com/articles/heroku-postgres-ha
//
// The in-dyno database of Heroku CI has no TLS; there the forwarders speak TLS, so that
// users of this package see no difference. It also accepts any password until the
// commands in app.json have changed that; this package refuses a server that accepts a
// wrong password.
// https://devcenter.heroku.com/articles/heroku-ci-in-dyno-databases
// https://github.com/heroku/heroku-buildpack-ci-postgresql
//
// A throwaway server does not outlive the process that started it, however
// that process ends. In a server that DATABASE_URL names, a database and its
// roles stay if the process dies before [Database.Close]. PostgreSQL 14 or
// newer is needed.
package postgrestest

// Package e2e has the end-to-end tests of both functions. The functions are compiled as
// for a deployment and run behind the Lambda Runtime API; Heroku, Secrets Manager and
// Postgres are test servers.
package e2e

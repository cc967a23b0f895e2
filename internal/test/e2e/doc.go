// Package functions holds the two Lambda functions, each in a folder of its own, and
// the end-to-end tests over both: compiled as they are deployed, behind the Lambda
// Runtime API, between a Heroku, a Secrets Manager and a Postgres that are real servers.
package e2e

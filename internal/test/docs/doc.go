// Package docs has only tests. They check the pages of this repository:
//
//   - every link within the repository has a target, and every `go test -run` on a page matches
//     tests
//   - every command on a page is run by a test, or the page says that it is not. The AWS CLI runs
//     those that no other test runs, against a stand-in, and the requests are compared with what
//     the page means
//   - every error text of the functions has one row in the runbook, and so has every status of
//     Heroku and every code with which AWS refuses a put; every row is about an error that exists
//   - every tag is in docs/reference.md and in an end-to-end test
//   - the core imports the packages that docs/architecture.md names, and no others of ours
//   - a page that lets a program read a secret also lets it describe it
//   - the runbook begins with make status, and README.md has at most 200 lines
package docs

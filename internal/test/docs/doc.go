// Package docs has only tests. They check the pages of this repository: every link has a
// target, every command that names tests matches some, every error text of the functions has
// one row in the runbook, and the README stays short.
package docs

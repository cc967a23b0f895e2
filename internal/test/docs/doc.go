// Package docs has only tests. They check the pages of this repository: every link has a
// target, every command that names tests matches some, and the README stays short.
package docs

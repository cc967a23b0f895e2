// Package docs holds nothing but tests: they hold the pages of this repository to what
// is there. A link leads somewhere, a command that names tests finds some, and the
// README stays short enough to be read.
package docs

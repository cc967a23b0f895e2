package herokutest

import (
	"crypto/rand"

	"keepcurrent.example/internal/testserver/uuid"
)

// newID makes a UUID, which is what Heroku names everything by.
func newID() string { return uuid.New() }

// newToken makes an API token that has Heroku's form and is recognizable as a test's.
func newToken() string { return "HRKU-EXAMPLE-" + rand.Text() }

// newSecret makes the signing secret of a webhook that was created without one.
func newSecret() string { return "example-" + rand.Text() + rand.Text() }

package herokutest

import (
	"crypto/rand"
	"fmt"
)

// newID makes a version 4 UUID, which is what Heroku names everything by.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it crashes the program instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newToken makes an API token that has Heroku's form and is recognizable as a test's.
func newToken() string { return "HRKU-EXAMPLE-" + rand.Text() }

// newSecret makes the signing secret of a webhook that was created without one.
func newSecret() string { return "example-" + rand.Text() + rand.Text() }

package secrets

import (
	"errors"

	"keepcurrent.example/internal/credential"
)

// ErrBinary says that a value was put in as bytes: what is read as a text must be put in
// as a text.
var ErrBinary = errors.New("its value was put in as binary: put it in as a text, with aws secretsmanager put-secret-value --secret-string")

// notText is what [Manager.Read] returns of a binary value: no connection URL and no JSON
// object, whatever the bytes are. A consumer that reads the secret's text finds none, so
// the bytes must count for nothing, even if they spell the right URL.
var notText = credential.New("\x00")

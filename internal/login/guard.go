package login

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
)

// maxRead bounds what is read of a Postgres in one login, after TLS. A login takes
// about a kilobyte.
const maxRead = 64 << 10

// maxIterations bounds what a server may make us compute: about 0.2 s of a small
// Lambda. A Postgres asks for 4,096 unless it is set otherwise
// (https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-SCRAM-ITERATIONS);
// pgx takes ten million, which no context ends.
const maxIterations = 100_000

// maxChallenge bounds a message of SCRAM: pgx sends a part of it back, and reads on
// without bound while a server does not take that.
const maxChallenge = 2 << 10

var (
	errClearText = errors.New("it asks for the password in clear text, which is never sent")
	errComputing = errors.New("it asks for more computing than a login needs (SCRAM)")
)

// guard reads the messages of a Postgres one by one, as many bytes as left allows, and
// stops at one that must not reach pgx
// (https://www.postgresql.org/docs/current/protocol-message-formats.html).
type guard struct {
	from       io.Reader
	left       *int // of all connections of the login
	challenged bool
	message    bytes.Reader
}

func (g *guard) Read(p []byte) (int, error) {
	if g.message.Len() == 0 {
		message, err := g.next()
		if err != nil {
			return 0, err
		}
		g.message.Reset(message)
	}
	return g.message.Read(p)
}

// next reads a whole message: a byte for its kind, four for the length of what
// follows, themselves included.
func (g *guard) next() ([]byte, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(g.from, head); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(head[1:])
	if length < 4 {
		return nil, errBrokenOff
	}
	if uint64(length)+1 > uint64(*g.left) {
		return nil, errTooMuch
	}
	*g.left -= int(length) + 1
	message := make([]byte, length+1)
	copy(message, head)
	if _, err := io.ReadFull(g.from, message[len(head):]); err != nil {
		return nil, err
	}
	return message, g.inspect(head[0], message[len(head):])
}

// inspect looks at what the server wants for a password. The numbers are those of
// AuthenticationCleartextPassword and AuthenticationSASLContinue.
func (g *guard) inspect(kind byte, body []byte) error {
	if kind != 'R' || len(body) < 4 {
		return nil
	}
	switch binary.BigEndian.Uint32(body) {
	case 3:
		return errClearText
	case 11:
		if g.challenged || len(body) > maxChallenge || iterations(body[4:]) > maxIterations {
			return errComputing
		}
		g.challenged = true
	}
	return nil
}

// iterations reads the count out of r=NONCE,s=SALT,i=COUNT, as pgx does; 0 is what pgx
// refuses (https://www.rfc-editor.org/rfc/rfc5802#section-5.1).
func iterations(challenge []byte) int {
	parts := bytes.SplitN(challenge, []byte(","), 3)
	if len(parts) < 3 {
		return 0
	}
	count, _ := strconv.Atoi(string(bytes.TrimPrefix(parts[2], []byte("i="))))
	return count
}

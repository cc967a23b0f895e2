package login

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
)

// maxRaw bounds what is read of a server's connections in one login, the handshakes
// of TLS included: a config var can name any server. crypto/tls takes 256 KiB for a
// certificate message.
const maxRaw = 512 << 10

var errTooMuch = errors.New("the server sends more than a login needs")

// line is the way to a server in one login. It keeps what was dialed, so that
// nothing of it outlives the login.
type line struct {
	ctx    context.Context // of the login
	lookup func(ctx context.Context, host string) ([]string, error)

	mu    sync.Mutex
	conns []net.Conn
	stood bool // a TCP connection
	left  int  // how many bytes may still be read
	first byte // that the server sent on its last connection, 0 if it sent none
}

type lineKey struct{}

// newLine returns a line, and the context that its connections are dialed with.
func newLine(ctx context.Context, lookup func(context.Context, string) ([]string, error)) (context.Context, *line) {
	l := &line{ctx: ctx, lookup: lookup, left: maxRaw}
	return context.WithValue(ctx, lineKey{}, l), l
}

// dial opens a TCP connection. Of a login that has failed pgx asks the server, with a
// context of its own, to cancel what runs there, which is nothing.
func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if ctx.Value(lineKey{}) != l {
		return nil, errors.New("the login is over")
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	l.mu.Lock()
	defer l.mu.Unlock()
	// A reset, unlike a refusal, comes from a server that has accepted: it was faster
	// than our kernel in telling us.
	l.stood = l.stood || err == nil || errors.Is(err, syscall.ECONNRESET)
	if err != nil {
		return nil, err
	}
	if l.ctx.Err() != nil {
		return nil, errors.Join(l.ctx.Err(), conn.Close())
	}
	l.conns = append(l.conns, conn)
	l.first = 0
	return &metered{Conn: conn, line: l}, nil
}

// close ends all that was dialed.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		_ = conn.Close()
	}
}

// reached reports whether a TCP connection stood: whatever came then was an answer.
func (l *line) reached() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stood
}

// began returns the first byte that the server sent on the last connection, 0 if it sent
// none.
func (l *line) began() byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// metered is a connection of a line.
type metered struct {
	net.Conn
	line  *line
	begun bool // the server has sent a byte
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	l := m.line
	l.mu.Lock()
	defer l.mu.Unlock()
	if n > 0 && !m.begun {
		m.begun, l.first = true, p[0]
	}
	if l.left -= n; l.left < 0 {
		return 0, errTooMuch
	}
	return n, err
}

// silent turns the error of a login that no answer decided into one whose text shows
// nothing but where the server is and what the network says.
func (l *line) silent(url connection.URL, err error) error {
	if !l.reached() {
		why := plain(err)
		if errors.Is(why, context.DeadlineExceeded) {
			why = fmt.Errorf("no connection was made in time: %w", context.DeadlineExceeded)
		}
		return fmt.Errorf("%s: %w: %w", address(url), reconcile.ErrUnreachable, why)
	}
	if errors.Is(err, errTooMuch) {
		return fmt.Errorf("%s: %w", address(url), errTooMuch)
	}
	return fmt.Errorf("%s was reached, and then: %w", address(url), plain(err))
}

var errBrokenOff = errors.New("it broke the connection off, or answered what no such server does")

// plain keeps of an error what no server can have written.
func plain(err error) error {
	var timeout net.Error
	var name *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("it did not answer in time: %w", context.DeadlineExceeded)
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &name) && name.IsNotFound:
		return errors.New("its name is not known (no such host)")
	case errors.As(err, &name):
		return errors.New("its name could not be looked up")
	}
	if network := credential.NetworkError(err); network != nil {
		return network
	}
	return errBrokenOff
}

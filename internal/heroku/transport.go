package heroku

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	// idle is after how long without a request a connection may be gone: Lambda
	// freezes a container between its runs, and then nobody notices the other
	// side's farewell.
	idle = 30 * time.Second
	// stale is how long a connection that was opened ahead is good for.
	stale = 10 * time.Second
)

// Transport carries requests to the API. It can open a connection before it is
// needed: from another continent the handshakes take longer than most of what
// comes before the first request.
type Transport struct {
	base   *http.Transport
	url    *url.URL
	dialer *tls.Dialer

	mu     sync.Mutex // guards what follows
	used   time.Time  // by a request, or Prepare
	opened chan opened
}

type opened struct {
	conn net.Conn
	err  error
	at   time.Time
}

// NewTransport returns a transport for the API at a URL.
func NewTransport(api string) *Transport {
	u, err := url.Parse(api)
	if err != nil {
		u = new(url.URL) // nothing is opened ahead; the first request says why
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	t := &Transport{base: base, url: u, dialer: &tls.Dialer{Config: &tls.Config{NextProtos: []string{"h2", "http/1.1"}}}}
	base.DialTLSContext = t.dial
	return t
}

// RoundTrip makes a request.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	t.mu.Lock()
	t.used = time.Now()
	t.mu.Unlock()
	return t.base.RoundTrip(req)
}

// Prepare opens a connection, unless one was in use a moment ago, and does not wait
// for it. It does nothing where a proxy or no TLS is in between.
func (t *Transport) Prepare() {
	proxy, err := t.base.Proxy(&http.Request{URL: t.url})
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil || proxy != nil || t.url.Scheme != "https" || t.opened != nil || time.Since(t.used) < idle {
		return
	}
	t.used = time.Now()
	ready := make(chan opened, 1)
	t.opened = ready
	port := t.url.Port()
	if port == "" {
		port = "443"
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		conn, err := t.dialer.DialContext(ctx, "tcp", net.JoinHostPort(t.url.Hostname(), port))
		ready <- opened{conn, err, time.Now()}
	}()
}

// dial takes the connection that was opened ahead, if it is fresh, or opens one.
func (t *Transport) dial(ctx context.Context, network, address string) (net.Conn, error) {
	t.mu.Lock()
	ready := t.opened
	t.opened = nil
	t.mu.Unlock()
	if ready != nil {
		select {
		case ahead := <-ready:
			if ahead.err == nil && time.Since(ahead.at) < stale {
				return ahead.conn, nil
			}
			if ahead.err == nil {
				_ = ahead.conn.Close() // nobody has used it
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout) // net/http does not end a dial with its request
	defer cancel()
	return t.dialer.DialContext(ctx, network, address)
}

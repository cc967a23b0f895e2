package heroku

import (
	"cmp"
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
	// freezes a container between its runs, and then it does not see that Heroku
	// has closed the connection.
	idle = 30 * time.Second
	// stale is how long after its dial began a warmed-up connection is used.
	stale = 20 * time.Second
)

// Transport carries requests to the API. It can open a connection before it is
// needed: from another continent the handshakes take longer than most of what
// comes before the first request.
type Transport struct {
	base   *http.Transport
	url    *url.URL
	dialer *tls.Dialer

	mu   sync.Mutex // guards what follows
	used time.Time  // by a request
	warm *warm      // what WarmUp has begun and no request has taken
}

// warm is a connection that is being dialed, or was.
type warm struct {
	begun time.Time
	done  chan struct{}
	conn  net.Conn // nil if it could not be opened
}

// drop closes what nobody has used.
func (a *warm) drop() {
	<-a.done
	if a.conn != nil {
		_ = a.conn.Close()
	}
}

// NewTransport returns a transport for the API at a URL.
func NewTransport(api string) *Transport {
	u, err := url.Parse(api)
	if err != nil {
		u = new(url.URL) // nothing is warmed up; the first request says why
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	t := &Transport{base: base, url: u, dialer: &tls.Dialer{Config: &tls.Config{NextProtos: []string{"h2", "http/1.1"}}}}
	base.DialTLSContext, base.IdleConnTimeout = t.dial, idle
	return t
}

// RoundTrip makes a request.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	t.mu.Lock()
	t.used = time.Now()
	t.mu.Unlock()
	return t.base.RoundTrip(req)
}

// WarmUp opens a connection, unless one was in use a moment ago, and does not wait
// for it. It does nothing where a proxy or no TLS is in between.
func (t *Transport) WarmUp() {
	proxy, err := t.base.Proxy(&http.Request{URL: t.url})
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil || proxy != nil || t.url.Scheme != "https" || time.Since(t.used) < idle {
		return
	}
	if t.warm != nil {
		if time.Since(t.warm.begun) < stale {
			return
		}
		go t.warm.drop()
	}
	a := &warm{begun: time.Now(), done: make(chan struct{})}
	t.warm = a
	go func() {
		defer close(a.done)
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		address := net.JoinHostPort(t.url.Hostname(), cmp.Or(t.url.Port(), "443"))
		if conn, err := t.dialer.DialContext(ctx, "tcp", address); err == nil {
			a.conn = conn
		}
	}()
}

// dial takes the connection that WarmUp dialed, if it is fresh, or dials one.
func (t *Transport) dial(ctx context.Context, network, address string) (net.Conn, error) {
	t.mu.Lock()
	a := t.warm
	t.warm = nil
	t.mu.Unlock()
	if a != nil && time.Since(a.begun) < stale {
		select {
		case <-a.done:
			if a.conn != nil {
				return a.conn, nil
			}
		case <-ctx.Done():
			go a.drop()
			return nil, ctx.Err()
		}
	} else if a != nil {
		go a.drop()
	}
	ctx, cancel := context.WithTimeout(ctx, timeout) // net/http does not end a dial with its request
	defer cancel()
	return t.dialer.DialContext(ctx, network, address)
}

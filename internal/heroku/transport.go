package heroku

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	// idle is after how long without a request a connection may be gone: Lambda
	// freezes a container between its runs, and then it does not see that Heroku
	// has closed the connection.
	idle = 30 * time.Second
	// fresh is for how long the connection that was opened before the first request
	// may be used.
	fresh = 20 * time.Second
)

// Transport carries requests to the API. It can open its first connection before that is
// needed: from another continent the handshakes take longer than all else that a
// container does before its first request.
type Transport struct {
	*http.Transport
	url    *url.URL
	dialer *tls.Dialer

	warm atomic.Pointer[warmUp] // that no request has taken yet
}

// warmUp is a connection that is being opened, or was.
type warmUp struct {
	begun time.Time // by the wall clock, which a freeze does not stop
	done  chan struct{}
	conn  net.Conn // nil if it could not be opened
}

// NewTransport returns a transport for the API at a URL.
func NewTransport(api string) *Transport {
	u, err := url.Parse(api)
	if err != nil {
		u = new(url.URL) // nothing is warmed up; the first request says why
	}
	t := &Transport{
		Transport: http.DefaultTransport.(*http.Transport).Clone(),
		url:       u,
		dialer:    &tls.Dialer{Config: &tls.Config{NextProtos: []string{"h2", "http/1.1"}}},
	}
	t.DialTLSContext, t.IdleConnTimeout = t.dial, idle
	// HTTP/2 sends all requests over one connection. One that is dead is told from a Heroku
	// that is slow by its silence, and left before the first try of a request ends.
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 600 * time.Millisecond, PingTimeout: 500 * time.Millisecond}
	return t
}

// WarmUp opens a connection, and does not wait for it. It is called before the first
// request, once. It does nothing where a proxy or no TLS is in between.
func (t *Transport) WarmUp() {
	proxy, err := t.Proxy(&http.Request{URL: t.url})
	if err != nil || proxy != nil || t.url.Scheme != "https" {
		return
	}
	t.warmUpAt(net.JoinHostPort(t.url.Hostname(), cmp.Or(t.url.Port(), "443")))
}

func (t *Transport) warmUpAt(address string) {
	w := &warmUp{begun: time.Now().Round(0), done: make(chan struct{})}
	t.warm.Store(w)
	go func() {
		defer close(w.done)
		if conn, err := t.open(context.Background(), "tcp", address); err == nil {
			w.conn = conn
		}
	}()
}

// dial takes the connection that WarmUp opens, if it is fresh and no other request has
// taken it, or opens one.
func (t *Transport) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w := t.warm.Swap(nil)
	switch {
	case w == nil:
		return t.open(ctx, network, address)
	case time.Since(w.begun) >= fresh: // Heroku may have closed it
		go w.drop()
		return t.open(ctx, network, address)
	}
	select {
	case <-w.done:
		if w.conn != nil {
			return w.conn, nil
		}
		return t.open(ctx, network, address)
	case <-ctx.Done():
		go w.drop()
		return nil, ctx.Err()
	}
}

// drop closes what no request takes.
func (w *warmUp) drop() {
	<-w.done
	if w.conn != nil {
		_ = w.conn.Close()
	}
}

// open opens a connection. net/http does not end a dial with its request.
func (t *Transport) open(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return t.dialer.DialContext(ctx, network, address)
}

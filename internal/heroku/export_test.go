package heroku

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"time"
)

// Trust makes the transport trust a test's own certificate authority.
func (t *Transport) Trust(roots *x509.CertPool) { t.dialer.Config.RootCAs = roots }

// CloseIdleConnections closes what a test has left open.
func (t *Transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

// Behind makes the transport use a proxy.
func (t *Transport) Behind(proxy *url.URL) { t.base.Proxy = http.ProxyURL(proxy) }

// IsAhead reports whether WarmUp has opened a connection that no request has used.
func (t *Transport) IsAhead() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.warm != nil
}

// Age makes the connection that WarmUp opened older.
func (t *Transport) Age(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.warm.begun = t.warm.begun.Add(-by)
}

// AgeCheck makes the last check of the token older.
func (a *API) AgeCheck(by time.Duration) { a.checked.at = a.checked.at.Add(-by) }

package heroku

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"time"
)

// Trust makes the transport believe in a test's own authority.
func (t *Transport) Trust(roots *x509.CertPool) { t.dialer.Config.RootCAs = roots }

// CloseIdleConnections leaves nothing open behind a test.
func (t *Transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

// Behind puts a proxy before the API.
func (t *Transport) Behind(proxy *url.URL) { t.base.Proxy = http.ProxyURL(proxy) }

// IsAhead reports whether a connection has been begun that no request has taken.
func (t *Transport) IsAhead() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.warm != nil
}

// Age makes what was begun ahead older.
func (t *Transport) Age(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.warm.begun = t.warm.begun.Add(-by)
}

// AgeCheck makes what is known of the token older.
func (a *API) AgeCheck(by time.Duration) { a.checked.at = a.checked.at.Add(-by) }

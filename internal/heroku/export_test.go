package heroku

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"time"
)

// Trust makes the transport trust a test's own certificate authority.
func (t *Transport) Trust(roots *x509.CertPool) { t.dialer.Config.RootCAs = roots }

// Behind makes the transport use a proxy.
func (t *Transport) Behind(proxy *url.URL) { t.Proxy = http.ProxyURL(proxy) }

// WarmUpAt opens the connection at another address.
func (t *Transport) WarmUpAt(address string) { t.warmUpAt(address) }

// IsWarm reports whether WarmUp opens a connection.
func (t *Transport) IsWarm() bool { return t.warm.Load() != nil }

// Age makes the connection that WarmUp opened older.
func (t *Transport) Age(by time.Duration) {
	w := t.warm.Load()
	w.begun = w.begun.Add(-by)
}

// AgeCheck makes the last check of the token older.
func (a *API) AgeCheck(by time.Duration) { a.checked.at = a.checked.at.Add(-by) }

// AgeSilence makes the last failure to list attachments older.
func (a *API) AgeSilence(by time.Duration) { a.silence.since = a.silence.since.Add(-by) }

package heroku

import (
	"crypto/x509"
	"time"
)

// Trust makes the transport believe in a test's own authority.
func (t *Transport) Trust(roots *x509.CertPool) { t.dialer.Config.RootCAs = roots }

// CloseIdleConnections leaves nothing open behind a test.
func (t *Transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

// Age makes what was begun ahead older.
func (t *Transport) Age(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ahead.begun = t.ahead.begun.Add(-by)
}

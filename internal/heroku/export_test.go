package heroku

import "crypto/x509"

// Trust makes the transport believe in a test's own authority.
func (t *Transport) Trust(roots *x509.CertPool) { t.dialer.Config.RootCAs = roots }

// CloseIdleConnections leaves nothing open behind a test.
func (t *Transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

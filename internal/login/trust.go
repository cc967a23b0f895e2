package login

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/reconcile"
)

// identity is what the secret of [reconcile.ClientTLSTag] holds, each in PEM: a root, or
// a certificate with its key, or all three, as Heroku hands them out for a Private or
// Shield database (https://devcenter.heroku.com/articles/heroku-postgres-via-mtls).
type identity struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Root        string `json:"root"` // of the server's certificate
}

// credentials are an identity that was read.
type credentials struct {
	pairs []tls.Certificate
	roots *x509.CertPool // nil if there is no root
}

var errIdentity = errors.New("it must be a JSON object with root, or with certificate and key, or with all three, each in PEM")

// identify reads the secret. No error shows any of it.
func (c Client) identify(ctx context.Context, id string) (credentials, error) {
	if id == "" {
		return credentials{}, nil
	}
	value, err := c.Read(ctx, id)
	if err != nil {
		return credentials{}, fmt.Errorf("%w: reading the secret of tag %s: %w", reconcile.ErrUntried, reconcile.ClientTLSTag, err)
	}
	var own identity
	if json.Unmarshal([]byte(value.Reveal()), &own) == nil {
		if read, ok := own.read(); ok {
			return read, nil
		}
	}
	return credentials{}, fmt.Errorf("%w: %w: tag %s: secret %s: %w", reconcile.ErrUntried, reconcile.ErrTag, reconcile.ClientTLSTag, id, errIdentity)
}

func (i identity) read() (c credentials, ok bool) {
	if i.Root != "" {
		c.roots = x509.NewCertPool()
		if !c.roots.AppendCertsFromPEM([]byte(i.Root)) {
			return c, false
		}
	}
	if i.Certificate != "" || i.Key != "" {
		pair, err := tls.X509KeyPair([]byte(i.Certificate), []byte(i.Key))
		if err != nil {
			return c, false
		}
		c.pairs = []tls.Certificate{pair}
	}
	return c, c.roots != nil || c.pairs != nil
}

// curves begin with the one that a Postgres before 18 takes by default, P-256. Asked
// with one of Go's own, it would answer that it wants another, which is a round
// trip more. Every server must know P-256
// (https://www.postgresql.org/docs/17/runtime-config-connection.html#GUC-SSL-ECDH-CURVE,
// https://www.rfc-editor.org/rfc/rfc8446#section-9.1).
var curves = []tls.CurveID{tls.CurveP256, tls.CurveP384, tls.CurveP521}

// trust is the TLS of a login. rootcert is the URL's sslrootcert.
func trust(url connection.URL, rootcert string, own credentials) *tls.Config {
	return &tls.Config{
		ServerName:       url.Host(),
		Certificates:     own.pairs,
		CurvePreferences: curves,
		// VerifyConnection takes its place: Heroku's certificates are signed by itself, and
		// sslmode=require checks none
		// (https://devcenter.heroku.com/articles/connecting-heroku-postgres).
		InsecureSkipVerify: true,
		VerifyConnection:   verifier(url, rootcert, own.roots),
	}
}

// verifier checks what the URL asks for: verify-full the server's name as well,
// verify-ca all but the name. A root makes require as strong as verify-ca, as with
// libpq (https://www.postgresql.org/docs/current/libpq-ssl.html#LIBQ-SSL-CERTIFICATES).
// verify-full without any trusts the system's roots, as pgx does.
func verifier(url connection.URL, rootcert string, roots *x509.CertPool) func(tls.ConnectionState) error {
	host, hint := "", ""
	if url.SSLMode() == "verify-full" {
		host = url.Host()
	}
	switch {
	case rootcert == "system":
		roots = nil
	case roots != nil:
	case rootcert != "":
		roots, hint = x509.NewCertPool(), "sslrootcert names a file that only the program has; a root in the secret of tag "+reconcile.ClientTLSTag+" takes its place here"
	case url.SSLMode() == "verify-ca":
		roots, hint = x509.NewCertPool(), "verify-ca needs a root; the secret of tag "+reconcile.ClientTLSTag+" can bring it"
	case host != "":
		hint = "a root of its own can be in the secret of tag " + reconcile.ClientTLSTag
	default:
		return nil
	}
	return func(state tls.ConnectionState) error {
		if err := signedBy(roots, host, state.PeerCertificates); err != nil {
			return &certificateError{err, hint}
		}
		return nil
	}
}

// signedBy fails unless the first certificate is the host's, "" for anybody's, and
// comes from one of the roots, by way of the others; nil are the system's roots.
func signedBy(roots *x509.CertPool, host string, chain []*x509.Certificate) error {
	between := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		between.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: host})
	return err
}

// certificateError says why a server's certificate could not be verified. It shows
// none of the certificate, which the server wrote.
type certificateError struct {
	err  error
	hint string
}

func (e *certificateError) Error() string {
	text := "the server's certificate could not be verified (" + e.reason() + ")"
	if e.hint != "" {
		text += ": " + e.hint
	}
	return text
}

func (e *certificateError) reason() string {
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(e.err, &authority):
		return "it is signed by an unknown authority"
	case errors.As(e.err, &host):
		return "it is for another host"
	case errors.As(e.err, &invalid) && invalid.Reason == x509.Expired:
		return "it has expired or is not yet valid"
	}
	return "it is invalid"
}

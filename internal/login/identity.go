package login

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/keeper"
)

// identity is what the secret of a client certificate holds, each in PEM. Heroku
// hands out all three for a Private or Shield database
// (https://devcenter.heroku.com/articles/heroku-postgres-via-mtls).
type identity struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Root        string `json:"root"` // of the server's certificate
}

var errIdentity = errors.New("it must be a JSON object with certificate, key and root, each in PEM")

// identify puts the certificate of a secret into the configuration, and has the
// server's checked against the secret's root. No error shows any of it.
func (c Client) identify(ctx context.Context, config *tls.Config, id string) error {
	value, err := c.Read(ctx, id)
	if err != nil {
		return fmt.Errorf("%w: reading the client certificate: %w", keeper.ErrUntried, err)
	}
	var own identity
	if json.Unmarshal([]byte(value.Reveal()), &own) != nil {
		return fmt.Errorf("%w: %w: tag %s: secret %s: %w", keeper.ErrUntried, binding.ErrTag, binding.ClientTLSTag, id, errIdentity)
	}
	pair, err := tls.X509KeyPair([]byte(own.Certificate), []byte(own.Key))
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM([]byte(own.Root)) {
		return fmt.Errorf("%w: %w: tag %s: secret %s: %w", keeper.ErrUntried, binding.ErrTag, binding.ClientTLSTag, id, errIdentity)
	}
	config.Certificates, config.RootCAs = []tls.Certificate{pair}, roots
	if config.InsecureSkipVerify { // of the server's certificate everything but its name counts, as with verify-ca
		config.VerifyConnection = func(state tls.ConnectionState) error { return signedBy(roots, state.PeerCertificates) }
	}
	return nil
}

// signedBy fails unless the first certificate comes from one of the roots, by way of
// the others.
func signedBy(roots *x509.CertPool, chain []*x509.Certificate) error {
	between := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		between.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	return err
}

// Package certificate makes the TLS certificates of test servers. They are good for a day.
package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Certificate is a certificate and its key.
type Certificate struct {
	Cert, Key []byte // in PEM
	TLS       tls.Certificate
}

// SelfSigned returns a certificate that is signed by itself, as Heroku's default ones are:
// it keeps the traffic private but proves nothing.
func SelfSigned() (Certificate, error) {
	template, key, err := newTemplate("self-signed")
	if err != nil {
		return Certificate{}, err
	}
	return template.signed(key, template, key)
}

// Signed returns a certificate for 127.0.0.1, and the root that has signed it, in PEM.
func Signed() (c Certificate, root []byte, err error) {
	authority, authorityKey, err := newTemplate("root")
	if err != nil {
		return Certificate{}, nil, err
	}
	authority.IsCA, authority.BasicConstraintsValid, authority.KeyUsage = true, true, x509.KeyUsageCertSign
	signer, err := authority.signed(authorityKey, authority, authorityKey)
	if err != nil {
		return Certificate{}, nil, err
	}
	template, key, err := newTemplate("127.0.0.1") // libpq before 15 looks for an address nowhere else
	if err != nil {
		return Certificate{}, nil, err
	}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	c, err = template.signed(key, authority, authorityKey)
	return c, signer.Cert, err
}

// template is what a certificate is to say.
type template struct{ *x509.Certificate }

func newTemplate(name string) (template, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return template{}, nil, fmt.Errorf("generate a key: %w", err)
	}
	return template{&x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}}, key, nil
}

// signed returns the certificate of a key, which another key signs.
func (t template) signed(key *ecdsa.PrivateKey, by template, byKey *ecdsa.PrivateKey) (Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, t.Certificate, by.Certificate, key.Public(), byKey)
	if err != nil {
		return Certificate{}, fmt.Errorf("sign a certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Certificate{}, fmt.Errorf("encode a key: %w", err)
	}
	return Certificate{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		TLS:  tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
	}, nil
}

// Config returns the config of a TLS server with the certificate.
func (c Certificate) Config() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c.TLS}}
}

package postgrestest

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

// certificate is a certificate and its key.
type certificate struct {
	cert, key []byte // in PEM
	tls       tls.Certificate
}

// newCertificate returns a certificate that is signed by itself, as Heroku's default ones
// are: it keeps the traffic private but proves nothing.
func newCertificate() (certificate, error) {
	template, key, err := newTemplate("postgrestest")
	if err != nil {
		return certificate{}, err
	}
	return template.signed(key, template, key)
}

// newSigned returns a certificate for the address of a first forwarder, and the root that
// has signed it, in PEM.
func newSigned() (c certificate, root []byte, err error) {
	authority, authorityKey, err := newTemplate("postgrestest's root")
	if err != nil {
		return certificate{}, nil, err
	}
	authority.IsCA, authority.BasicConstraintsValid, authority.KeyUsage = true, true, x509.KeyUsageCertSign
	signer, err := authority.signed(authorityKey, authority, authorityKey)
	if err != nil {
		return certificate{}, nil, err
	}
	template, key, err := newTemplate("127.0.0.1") // libpq before 15 looks for an address nowhere else
	if err != nil {
		return certificate{}, nil, err
	}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	c, err = template.signed(key, authority, authorityKey)
	return c, signer.cert, err
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
func (t template) signed(key *ecdsa.PrivateKey, by template, byKey *ecdsa.PrivateKey) (certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, t.Certificate, by.Certificate, key.Public(), byKey)
	if err != nil {
		return certificate{}, fmt.Errorf("sign a certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return certificate{}, fmt.Errorf("encode a key: %w", err)
	}
	return certificate{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		tls:  tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
	}, nil
}

// config returns the config of a TLS server with the certificate.
func (c certificate) config() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c.tls}}
}

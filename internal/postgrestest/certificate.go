package postgrestest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// certificate is a self-signed certificate in PEM, as Heroku's default ones
// are: it keeps the traffic private but proves nothing.
type certificate struct {
	pair
	client pair // what a server that asks for one knows its clients by
}

// pair is a self-signed certificate and its key, in PEM.
type pair struct{ cert, key []byte }

func newCertificate() (c certificate, err error) {
	if c.pair, err = newPair(); err == nil {
		c.client, err = newPair()
	}
	return c, err
}

func newPair() (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, fmt.Errorf("generate a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "postgrestest"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return pair{}, fmt.Errorf("sign a certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair{}, fmt.Errorf("encode a key: %w", err)
	}
	return pair{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}, nil
}

// config is the certificate as a TLS server of ours uses it.
func (c certificate) config() (*tls.Config, error) {
	pair, err := tls.X509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, fmt.Errorf("load the certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, nil
}

// identity is the client's side as the tag heroku:client-tls wants it in a secret.
func (c certificate) identity() (string, error) {
	text, err := json.Marshal(map[string]string{"certificate": string(c.client.cert), "key": string(c.client.key), "root": string(c.cert)})
	return string(text), err
}
